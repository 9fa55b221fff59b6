import type { KvmReturn, VfioReturn } from '@spapr-dma/protocol';
import {
  choicesOf,
  initialState,
  type Moved,
  type Participant,
  type SystemState,
  step,
  takes,
  type VmmCall,
  vmmOffer,
} from '@spapr-dma/system';
import { ModelsError } from './errors.js';

/** What a system call failed with, if that is what a step answers. */
const failureIn = ({ sent }: Moved): string | null => {
  for (const { message } of sent) {
    if (message.type !== 'vfio-return' && message.type !== 'kvm-return') continue;
    const { result } = message as unknown as VfioReturn | KvmReturn;
    if (!result.ok) return result.errno;
  }
  return null;
};

/**
 * Makes calls one after the other, each when nobody can move any more.
 * @throws ModelsError for a call that is never taken, or fails
 */
export function playCalls(
  participants: readonly Participant[],
  calls: readonly VmmCall[],
  onMoved: (moved: Moved, before: SystemState) => void,
): SystemState {
  let state = initialState(participants);
  const take = (choice: Parameters<typeof step>[2]): string | null => {
    const before = state;
    const moved = step(participants, state, choice);
    state = moved.state;
    onMoved(moved, before);
    return failureIn(moved);
  };
  for (const [index, call] of calls.entries()) {
    const offer = vmmOffer(call);
    if (!takes(state.snapshots[offer.to], offer.message)) {
      throw new ModelsError(`the setup goes wrong: call ${index + 1}, ${call.type}, is never taken`);
    }
    let failure = take({ kind: 'offer', ...offer });
    for (let [next] = choicesOf(participants, state); next !== undefined; ) {
      failure ??= take(next);
      [next] = choicesOf(participants, state);
    }
    if (failure !== null)
      throw new ModelsError(`the setup goes wrong: call ${index + 1}, ${call.type}, fails with ${failure}`);
  }
  return state;
}
