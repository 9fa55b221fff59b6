import { type Choice, choicesOf, type SystemState, takes } from '../../src/choices.ts';
import { costOf } from '../../src/costs.ts';
import { messageText } from '../../src/message-text.ts';
import type { Participant } from '../../src/participants.ts';
import { settingsOf } from '../../src/presets.ts';
import { unwatched, watched, watchedAtRest } from '../../src/properties/watch.ts';
import { initialState, step } from '../../src/pure-driver.ts';
import { hostAtEnd } from '../../src/story/host-at-end.ts';
import { isAnswer, isAnswered, VMM_DEFAULT, vmmOffer, vmmParticipants } from '../../src/vmm.ts';
import type { Arrived, Run } from './run.ts';
import { lockedOf, violatedOf } from './run-case.ts';
import type { Fields, UserspaceCase } from './switch-case.ts';

function participantsOf({ also = {}, host, size = 'minimal', setting }: UserspaceCase, value: string) {
  const settings = settingsOf('repaired', { ...also, [setting]: value });
  return vmmParticipants({ ...VMM_DEFAULT, ...host }, settings, size);
}

/** What the next step is: the thread that was last asked something goes first. */
function nextOf(participants: readonly Participant[], state: SystemState, first: string): Choice | undefined {
  const choices = choicesOf(participants, state);
  const isFirst = (choice: Choice): boolean => {
    if (choice.kind === 'step') return choice.thread === first;
    if (choice.kind !== 'deliver') return false;
    const { messages } = state.channels.find(({ from, to }) => from === choice.from && to === choice.to)!;
    return messages[0]!.thread === first;
  };
  return choices.find(isFirst) ?? choices[0];
}

/** Plays a VMM that is not QEMU: system calls and hypercalls, one after the other, or into each other. */
export function runUserspace(userspace: UserspaceCase, value: string): Run {
  const participants = participantsOf(userspace, value);
  const arrived: Arrived[] = [];
  /** Threads that wait for an answer. */
  const away = new Set<string>();
  let state = initialState(participants);
  let known = unwatched();
  let steps = 0;

  const take = (choice: Choice): void => {
    const before = state;
    const moved = step(participants, state, choice);
    state = moved.state;
    steps += 1;
    const outside = moved.sent.filter(({ to }) => to === 'environment');
    for (const { from, to, message } of [
      ...(moved.delivered === null ? [] : [moved.delivered]),
      ...outside,
    ]) {
      const sender = from === 'environment' ? message.from : from;
      const receiver = to === 'environment' ? message.to : to;
      if (to === 'environment' && isAnswer(message)) away.delete(message.thread ?? '');
      arrived.push({ from: sender, to: receiver, type: message.type, text: messageText(message), message });
    }
    known = watched(known, { before, moved, cost: costOf(moved) }, steps);
  };

  for (const {
    thread = 'main',
    type,
    after,
    to = null,
    ...args
  } of userspace.calls as readonly Fields[] as readonly (Fields & {
    readonly thread?: string;
    readonly type: string;
    /** Steps that are taken before the next call; all of them where it is not said. */
    readonly after?: number;
    readonly to?: string;
  })[]) {
    const call = { type, thread, to, args };
    const offer = vmmOffer(call);
    // A thread makes a call when its last one has returned, and the call waits until the machine takes it.
    while (away.has(thread) || !takes(state.snapshots[offer.to], offer.message)) {
      const next = nextOf(participants, state, thread);
      if (next === undefined) throw new Error(`${type} is never taken`);
      take(next);
    }
    if (isAnswered(call)) away.add(thread);
    take({ kind: 'offer', ...offer });
    for (let taken = 0; taken < (after ?? Number.POSITIVE_INFINITY); taken += 1) {
      const next = nextOf(participants, state, thread);
      if (next === undefined) break;
      take(next);
    }
  }
  return {
    arrived,
    windows: [],
    host: hostAtEnd(state),
    locked: lockedOf(state),
    violated: violatedOf(watchedAtRest(known, state, steps)),
    mistakes: [],
  };
}
