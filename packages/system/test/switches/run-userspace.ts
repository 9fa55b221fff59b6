import { bytes, gpa, threadId } from '@spapr-dma/protocol';
import { type Choice, choicesOf, type SystemState, takes } from '../../src/choices.ts';
import { kvmConfigOf, powernvConfigOf, vfioConfigOf } from '../../src/configs.ts';
import { costOf } from '../../src/costs.ts';
import { kvmParticipant, powernvParticipant, vfioParticipant } from '../../src/machines.ts';
import { vmaOf } from '../../src/memory-layout.ts';
import { messageText } from '../../src/message-text.ts';
import type { AnyMessage, Participant } from '../../src/participants.ts';
import { settingsOf } from '../../src/presets.ts';
import { unwatched, watched, watchedAtRest } from '../../src/properties/watch.ts';
import { initialState, step } from '../../src/pure-driver.ts';
import { hostAtEnd } from '../../src/story/host-at-end.ts';
import type { Arrived, Run } from './run.ts';
import { lockedOf, violatedOf } from './run-case.ts';
import type { Fields, UserspaceCase } from './switch-case.ts';

/** Names of the calls that a VMM makes on KVM's files, and vCPUs in KVM; all others are VFIO's or the platform's. */
const OF_KVM = /^(KVM_|H_|pause_all|resume_all|view_)/;
/** What is not answered. */
const SILENT = /^(fork|fail-next)$/;
/** What the environment does, and no call of a VMM. */
const OF_HOST = /^(exit|fail-next|unbind-vfio-pci)$/;

function participantsOf({ also = {}, host, size = 'minimal', setting }: UserspaceCase, value: string) {
  const settings = settingsOf('repaired', { ...also, [setting]: value });
  const pageShift = host?.pageShift ?? 12;
  const platform = {
    config: powernvConfigOf(settings, { pageShift, ram: bytes(0x20_0000_0000n), nobypass: false }),
    phbs: [1, 2].map((phb) => ({
      phb,
      generation: host?.generation ?? ('PHB4' as const),
      devices: [{ device: `000${phb}:01:00.0`, totalVfs: 0 }],
    })),
  };
  const input = {
    config: vfioConfigOf(settings, size, pageShift),
    groups: [0, 1].map((group) => ({ group, devices: [`000${group + 1}:01:00.0`] })),
    processes: [
      {
        process: 'qemu',
        vmas: host?.vmas ?? [vmaOf(gpa(0n), bytes(0x400_0000n), host?.backingShift ?? pageShift)],
        memlock: null,
        capIpcLock: false,
      },
    ],
  };
  return [
    kvmParticipant(kvmConfigOf(settings, size, pageShift), 2, 2),
    vfioParticipant(input, 2),
    powernvParticipant(platform),
  ] as const;
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
      if (to === 'environment' && /-(return|done)$/.test(message.type)) away.delete(message.thread ?? '');
      arrived.push({ from: sender, to: receiver, type: message.type, text: messageText(message), message });
    }
    known = watched(known, { before, moved, cost: costOf(moved) }, steps);
  };

  for (const {
    thread = 'main',
    type,
    after,
    to,
    ...args
  } of userspace.calls as readonly Fields[] as readonly (Fields & {
    readonly thread?: string;
    readonly type: string;
    /** Steps that are taken before the next call; all of them where it is not said. */
    readonly after?: number;
    readonly to?: string;
  })[]) {
    const receiver = to ?? (OF_KVM.test(type) ? 'kvm' : 'vfio-host');
    const isGuests = type.startsWith('H_');
    const isHosts = receiver === 'powernv-ioda2' || OF_HOST.test(type);
    const message = {
      argsz: null,
      readable: true,
      flags: 0,
      process: 'qemu',
      ...args,
      type,
      thread: threadId(thread),
      from: isGuests ? 'guest-kernel' : isHosts ? 'environment' : 'qemu-spapr',
      to: receiver,
    } as unknown as AnyMessage;
    // A thread makes a call when its last one has returned, and the call waits until the machine takes it.
    while (away.has(thread) || !takes(state.snapshots[receiver], message)) {
      const next = nextOf(participants, state, thread);
      if (next === undefined) throw new Error(`${type} is never taken`);
      take(next);
    }
    if (!SILENT.test(type)) away.add(thread);
    take({ kind: 'offer', to: receiver, message });
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
