import type { QemuSwitches } from '@spapr-dma/qemu-spapr';
import { type QemuAnswer, type QemuCall, type QemuMachine, QemuSpecification } from '@spapr-dma/trace';
import type { Qemu } from '../../src/live/qemu.js';

export interface FakeOptions {
  /** Behaviours that this QEMU has, and QEMU 7.2 has not. */
  readonly switches?: Partial<QemuSwitches>;
  /** Changes an answer. */
  readonly altered?: (call: QemuCall, answer: QemuAnswer) => QemuAnswer;
  /** Called with each machine that is started. */
  readonly onStart?: (machine: QemuMachine) => void;
}

/** A specification that stands in for a QEMU, and how many of its machines run. */
export function fakeQemu({ switches = {}, altered = (_, answer) => answer, onStart }: FakeOptions = {}) {
  const running = new Set<object>();
  const qemu: Qemu = {
    version: '7.2.99',
    machines: ['pseries-2.6', 'pseries-4.1', 'pseries-7.2'],
    start: async (machine) => {
      onStart?.(machine);
      const specification = new QemuSpecification(machine, switches);
      const target = {
        play: async (calls: readonly QemuCall[]) => {
          const answers: QemuAnswer[] = [];
          for (const call of calls) {
            answers.push(altered(call, specification.step(call)));
            if (answers.at(-1)?.kind === 'abort') break;
          }
          return answers;
        },
        close: async () => {
          running.delete(target);
        },
      };
      running.add(target);
      return target;
    },
  };
  return { qemu, running };
}
