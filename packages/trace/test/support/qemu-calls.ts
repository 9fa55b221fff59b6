import { bytes, DR_ENTITY_SENSE, INDICATORS, ioba, type PhbDevice } from '@spapr-dma/protocol';
import { pciDrcIndex, phbDrcIndex } from '@spapr-dma/qemu-spapr';
import type { HcallOp, QemuCall, QemuMachine, RtasOp } from '../../src/index.ts';

const phb = (index: number, more: Partial<PhbDevice> = {}): PhbDevice => ({
  driver: 'spapr-pci-host-bridge',
  index,
  ...more,
});

/** Two PHBs, one of them odd, and a VIO device. */
export const MACHINE: QemuMachine = {
  qemu: '7.2.22',
  machine: 'pseries-7.2',
  seed: 7,
  phbs: [
    phb(0),
    phb(1, {
      pgsz: 0x1_1000n,
      dmaWinAddr: ioba(0x7000n),
      dmaWinSize: bytes(0x12_3000n),
      dma64WinAddr: ioba(1n << 44n),
    }),
    phb(2, { ddw: false }),
  ],
  vios: [{ driver: 'spapr-vscsi', reg: 0x7100_0001 }],
  ramMb: 256,
};

export const VSCSI = 0x7100_0001;
export const L0 = 0x8000_0000n;
export const L1 = 0x8000_0001n;
/** The default window of PHB 3. */
export const L3 = 0x8000_0300n;
export const DYNAMIC = 1n << 59n;

const hcall = (op: HcallOp, args: readonly bigint[], list: readonly bigint[] = []): QemuCall => ({
  kind: 'hcall',
  op,
  args,
  list,
});
export const put = (liobn: bigint, at: bigint, tce: bigint): QemuCall => hcall('H_PUT_TCE', [liobn, at, tce]);
export const get = (liobn: bigint, at: bigint): QemuCall => hcall('H_GET_TCE', [liobn, at]);
export const stuff = (liobn: bigint, at: bigint, tce: bigint, npages: bigint): QemuCall =>
  hcall('H_STUFF_TCE', [liobn, at, tce, npages]);
export const indirect = (liobn: bigint, at: bigint, list: readonly bigint[]): QemuCall =>
  hcall('H_PUT_TCE_INDIRECT', [liobn, at, 0x40_0000n, BigInt(list.length)], list);

export const rtas = (op: RtasOp, args: readonly number[], nret = 1): QemuCall => ({
  kind: 'rtas',
  op,
  args,
  nret,
});
const buid = (index: number) => [0, 0x0800_0000, 0x2000_0000 + index];
export const query = (index = 0, nret = 5): QemuCall => rtas('ibm,query-pe-dma-window', buid(index), nret);
export const create = (pageShift: number, windowShift: number, index = 0): QemuCall =>
  rtas('ibm,create-pe-dma-window', [...buid(index), pageShift, windowShift], 4);
export const remove = (liobn: bigint): QemuCall => rtas('ibm,remove-pe-dma-window', [Number(liobn)]);
export const reset = (index = 0): QemuCall => rtas('ibm,reset-pe-dma-window', buid(index));

export const dma = (op: 'dma-read' | 'dma-write', at: bigint, count: number, index = 0): QemuCall => ({
  kind: 'dma',
  op,
  phb: index,
  ioba: at,
  bytes: count,
});

export const SYSTEM_RESET: QemuCall = { kind: 'monitor', op: 'system_reset' };
export const MIGRATE: QemuCall = { kind: 'monitor', op: 'migrate' };
export const RCU: QemuCall = { kind: 'monitor', op: 'rcu' };
export const addPhb = (index: number, more: Partial<PhbDevice> = {}): QemuCall => ({
  kind: 'monitor',
  op: 'device_add',
  device: phb(index, more),
});
export const addPci = (id: string, index: number, devfn = 8): QemuCall => ({
  kind: 'monitor',
  op: 'device_add',
  device: { driver: 'pci', id, phb: index, devfn },
});
export const delPhb = (index: number): QemuCall => ({
  kind: 'monitor',
  op: 'device_del',
  target: { kind: 'phb', index },
});
export const delPci = (id: string): QemuCall => ({
  kind: 'monitor',
  op: 'device_del',
  target: { kind: 'pci', id },
});

const { ISOLATION_STATE, ALLOCATION_STATE } = INDICATORS;
/** What the guest says to take a PHB into use, and to give it back. */
export const usePhb = (index: number): readonly QemuCall[] => {
  const drc = phbDrcIndex(index);
  return [
    rtas('set-indicator', [ALLOCATION_STATE, drc, 1]),
    rtas('set-indicator', [ISOLATION_STATE, drc, 1]),
    rtas('ibm,configure-connector', [drc, 0]),
  ];
};
export const releasePhb = (index: number): readonly QemuCall[] => {
  const drc = phbDrcIndex(index);
  return [
    rtas('set-indicator', [ISOLATION_STATE, drc, 0]),
    rtas('set-indicator', [ALLOCATION_STATE, drc, 0]),
  ];
};
export const sensePhb = (index: number): QemuCall =>
  rtas('get-sensor-state', [DR_ENTITY_SENSE, phbDrcIndex(index)], 2);
export const senseSlot = (index: number, devfn: number): QemuCall =>
  rtas('get-sensor-state', [DR_ENTITY_SENSE, pciDrcIndex(index, devfn)], 2);
