import {
  type Bytes,
  bytes,
  type DmaWindowProperty,
  type GuestPlatform,
  gpa,
  ioba,
  iommuPageShift,
  type PciNode,
  type PhbNode,
  RTAS_TOKENS,
  windowBytesOf,
} from '@spapr-dma/protocol';
import { type EnabledTable, type Phb, type QemuState, tableOf, tablesOfPhb } from '@spapr-dma/qemu-spapr';

/** Where QEMU maps the 32-bit MMIO range of a PHB on its bus. @see [QEMU] hw/ppc/spapr_pci.c: SPAPR_PCI_MEM_WIN_BUS_OFFSET */
const MMIO32_START = 0x8000_0000n;
const MMIO32_END = 0x1_0000_0000n;

const windowProperty = ({ liobn, busOffset, nbTable, pageShift }: EnabledTable): DmaWindowProperty => ({
  liobn,
  start: ioba(busOffset),
  bytes: windowBytesOf(nbTable, iommuPageShift(pageShift)),
});

/** A PCI function as its PHB's node lists it. */
export const pciNodeOf = ({ id, devfn }: { readonly id: string; readonly devfn: number }): PciNode => ({
  id,
  busno: 0,
  devfn,
});

/**
 * A PHB's node, as QEMU writes it at a reset or hands it over by `ibm,configure-connector`.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_dt_phb
 */
export function phbNodeOf(qemu: QemuState, phb: Phb): PhbNode {
  const { index, ddw } = phb.properties;
  const slot0 = tablesOfPhb(qemu, index)[0];
  const { features } = qemu.config;
  const hasDdw = ddw && features.ddwCalls;
  const reset = RTAS_TOKENS['ibm,reset-pe-dma-window'];
  return {
    buid: phb.buid,
    drcIndex: phb.drc.index,
    dmaWindow: slot0?.mode === 'enabled' ? windowProperty(slot0) : null,
    ddwApplicable: hasDdw
      ? [
          RTAS_TOKENS['ibm,query-pe-dma-window'],
          RTAS_TOKENS['ibm,create-pe-dma-window'],
          RTAS_TOKENS['ibm,remove-pe-dma-window'],
        ]
      : null,
    ddwExtensions: hasDdw ? (features.sixOutputQuery ? [2, reset, 1] : [1, reset]) : null,
    mmio32: { start: MMIO32_START, end: MMIO32_END },
    devices: qemu.devices.filter((device) => device.phb === index).map(pciNodeOf),
  };
}

/**
 * What firmware hands to the kernel after a machine reset.
 * @param hotplugMax end of the memory that can be hot-added; null without `maxmem`
 * @see [QEMU] hw/ppc/spapr.c: spapr_build_fdt
 */
export function platformOf(qemu: QemuState, hotplugMax: bigint | null): GuestPlatform {
  const vio = qemu.vios.flatMap(({ reg }) => {
    const table = tableOf(qemu, BigInt(reg));
    return table?.mode === 'enabled'
      ? [{ id: `vio@${reg.toString(16)}`, dmaWindow: windowProperty(table) }]
      : [];
  });
  const ranges = qemu.ram.map((block): { gpa: ReturnType<typeof gpa>; bytes: Bytes } => ({
    gpa: block.gpa,
    bytes: bytes(block.bytes),
  }));
  return {
    memory: { ranges, hotplugMax: hotplugMax === null ? null : gpa(hotplugMax), pmemory: false },
    phbs: qemu.phbs.map((phb) => phbNodeOf(qemu, phb)),
    vio,
    multiTce: true,
  };
}
