import type { QemuAborted } from '@spapr-dma/protocol';
import {
  arrivingCall,
  guestsQemu,
  hcallAnswer,
  type ObservedStep,
  type Property,
  rtasAnswer,
} from './property.js';

/** What QEMU was about when it ended. */
function causeOf(step: ObservedStep): string {
  const task = guestsQemu(step.before)?.task;
  const outermost = task?.mode === 'waiting' ? task.frames[0] : undefined;
  if (outermost === undefined) {
    return arrivingCall(step)?.type ?? step.moved.delivered?.message.type ?? 'nothing';
  }
  return 'call' in outermost ? outermost.call.type : outermost.fn;
}

export const noAbort: Property<null> = {
  name: 'S-21',
  title: 'Nothing that the guest does ends QEMU, and no command of the monitor but the one to quit.',
  sometimes: "QEMU answers a guest's call",
  reads: ['qemu-spapr'],
  initial: null,
  observe: (memory, step) => {
    const gone = step.moved.sent.find(({ message }) => message.type === 'qemu-aborted')?.message;
    const reached = hcallAnswer(step) !== undefined || rtasAnswer(step) !== undefined;
    if (gone === undefined) return { memory, violation: null, reached };
    const { assertion } = gone as unknown as QemuAborted;
    const why = assertion.startsWith('hardware error') ? assertion : `Assertion '${assertion}' failed`;
    return { memory, violation: `QEMU ends on ${causeOf(step)}: ${why}.`, reached };
  },
};
