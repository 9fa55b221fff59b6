import type { QemuAborted } from '@spapr-dma/protocol';
import { arrivingCall, hcallAnswer, type Property, rtasAnswer } from './property.js';

export const noAbort: Property<null> = {
  name: 'S-21',
  title: 'Nothing that the guest does ends QEMU.',
  sometimes: "QEMU answers a guest's call",
  initial: null,
  observe: (memory, step) => {
    const gone = step.moved.sent.find(({ message }) => message.type === 'qemu-aborted')?.message;
    const reached = hcallAnswer(step) !== undefined || rtasAnswer(step) !== undefined;
    if (gone === undefined) return { memory, violation: null, reached };
    const { assertion } = gone as unknown as QemuAborted;
    const cause = arrivingCall(step)?.type ?? step.moved.delivered?.message.type ?? 'nothing';
    return { memory, violation: `QEMU ends on ${cause}: Assertion '${assertion}' failed.`, reached };
  },
};
