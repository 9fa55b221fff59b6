import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import { type QemuAnswer, type QemuCall, QemuSpecification } from '@spapr-dma/trace';
import type { CallTarget, StartTarget } from '../src/target.ts';

export interface Fake {
  /** Behaviours of the QEMU that it plays. */
  readonly switches?: Partial<WindowSwitches>;
  /** Has the last word on an answer; what it throws is thrown, and without an answer the call has none. */
  readonly says?: (call: QemuCall, answer: QemuAnswer, at: number) => QemuAnswer | null;
}

/** What became of the machines of a fake. */
export interface Counted {
  started: number;
  closed: number;
}

/** A QEMU played by the specification. */
export function fakeQemu(
  { switches = {}, says }: Fake = {},
  counted: Counted = { started: 0, closed: 0 },
): StartTarget {
  return async (machine): Promise<CallTarget> => {
    counted.started++;
    const specification = new QemuSpecification(machine, switches);
    let at = 0;
    return {
      async play(calls) {
        const answers: QemuAnswer[] = [];
        for (const call of calls) {
          const answer = specification.step(call);
          const said = says === undefined ? answer : says(call, answer, at++);
          if (said === null) return answers;
          answers.push(said);
          if (said.kind === 'abort') break;
        }
        return answers;
      },
      async close() {
        counted.closed++;
      },
    };
  };
}
