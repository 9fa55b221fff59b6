import type { ErrorReport, VfioTrace, VfioTraceEvent } from '@spapr-dma/protocol';

/** A line of VFIO in QEMU's trace log. */
export const vfioTraced = (line: VfioTraceEvent): VfioTrace => ({
  type: 'vfio-trace',
  from: 'qemu-spapr',
  to: 'environment',
  line,
});

/** A complaint on standard error. */
export const errorReport = (text: string): ErrorReport => ({
  type: 'error-report',
  from: 'qemu-spapr',
  to: 'environment',
  text,
});
