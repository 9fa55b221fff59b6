import { type ProcessId, type ThreadId, threadId } from '@spapr-dma/protocol';
import type { AnyMessage } from '@spapr-dma/system';
import type { Descriptors } from './descriptors.js';
import type { StepInputs } from './environment.js';
import type { HostKernel } from './host-kernel.js';
import type { RecordedMemory } from './memory.js';

/** The thread on which a recorded process makes its system calls, and the vCPU of its guest. */
export const MAIN: ThreadId = threadId('main');
export const VCPU: ThreadId = threadId('vcpu0');

/** Who makes a call, and with what. */
export interface Caller {
  readonly host: HostKernel;
  readonly process: ProcessId;
  readonly files: Descriptors;
  readonly memory: RecordedMemory;
  readonly inputs: StepInputs;
}

/** The answer of one type among what the machines sent. @throws Error where there is none */
export function answerIn<Type extends string, Answer extends AnyMessage & { readonly type: Type }>(
  sent: readonly AnyMessage[],
  type: Type,
): Answer {
  const answer = sent.find((message): message is Answer => message.type === type);
  if (answer === undefined) throw new Error(`there was no ${type}`);
  return answer;
}
