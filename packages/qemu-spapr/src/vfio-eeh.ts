import { unreachable } from '@spapr-dma/protocol';
import type { EehFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { type Resumption, ret, type Step, vfioCall, vfioResult } from './steps.js';
import { hex, strerror } from './vfio-errors.js';
import { errorReport } from './vfio-sent.js';
import { containersOfPhb, type VfioContainer } from './vfio-state.js';

/** VFIO_EEH_PE_ENABLE. */
const EEH_ENABLE = 1;

/** The container whose EEH works for an address space: the only one, with one group. */
function eehContainerOf({ vfio }: QemuState, phb: number): VfioContainer | undefined {
  const [container, ...others] = containersOfPhb(vfio, phb);
  return others.length === 0 && container?.groups.length === 1 ? container : undefined;
}

/** What a PHB's reset asks VFIO for, once its windows are there again; null where EEH does not work. */
export const eehReenable = (qemu: QemuState, phb: number): EehFrame | null =>
  eehContainerOf(qemu, phb) === undefined ? null : { fn: 'vfio_eeh_as_op', at: 'begin', phb, op: EEH_ENABLE };

/** @see [QEMU] hw/ppc/spapr_pci_vfio.c: vfio_eeh_as_op, spapr_phb_vfio_reset */
export function vfioEehAsOp(qemu: QemuState, frame: EehFrame, resumed: Resumption): Step {
  if (frame.at === 'begin') {
    const { fd: containerFd } = eehContainerOf(qemu, frame.phb) ?? unreachable('EEH without a container');
    return vfioCall(
      qemu,
      { ...frame, at: 'operating' },
      { type: 'VFIO_EEH_PE_OP', containerFd, argsz: null, readable: true, op: frame.op },
    );
  }
  const result = vfioResult(resumed);
  if (result.ok) return ret(qemu);
  return ret(qemu, null, [
    errorReport(`vfio/eeh: EEH_PE_OP ${hex(BigInt(frame.op))} failed: ${strerror(result.errno)}`),
  ]);
}
