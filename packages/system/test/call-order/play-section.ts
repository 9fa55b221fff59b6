import {
  bytes,
  type ExitKvm,
  type HostCall,
  type Hpa,
  type KvmReturn,
  type ProcessEvent,
  threadId,
  type Ua,
  type VfioReturn,
} from '@spapr-dma/protocol';
import type { Choice } from '../../src/choices.ts';
import type { AnyMessage, Participant } from '../../src/participants.ts';
import { initialState } from '../../src/pure-driver.ts';
import {
  BEFORE,
  BUFFER_BYTES,
  CLOSED,
  HOST_DID,
  HOST_HAD_DONE,
  type HostEvent,
  READ_ONLY,
} from './before.ts';
import { ANYTHING, EFFECTS, type OperationProgress } from './effects.ts';
import { type Follower, guidedRun, NotExplained, whenAtRest } from './guided-run.ts';
import { progressOn } from './matching.ts';
import type { Names } from './names.ts';
import { filesAfter, messageOf, type RecordedFiles } from './operations.ts';
import {
  type Episode,
  operationOf,
  type RecordedCall,
  type RecordedOperation,
  type Section,
} from './read-call-order.ts';

const thread = threadId('main');
const fromHost = { from: 'environment', to: 'powernv-ioda2', thread } as const;
const ofProcess = { from: 'environment', to: 'vfio-host', thread, process: 'qemu' } as const;

/** The host's memory behind the program's, and behind the buffers of its own drivers. */
const PROGRAM_HPA = 0x2000_0000n as Hpa;
const DRIVER_HPA = 0x1000_0000n as Hpa;

/** The messages of what the host does. */
function hostMessages(event: HostEvent): readonly (HostCall | ProcessEvent | ExitKvm)[] {
  switch (event.do) {
    case 'bind-driver':
      return [{ ...fromHost, type: 'bind-driver', device: event.device, dmaMask: event.dmaMask }];
    case 'unbind-driver':
    case 'remove-device':
      return [{ ...fromHost, type: event.do, device: event.device }];
    case 'dma_map':
      return [
        { ...fromHost, type: 'dma_map', device: event.device, hpa: DRIVER_HPA, bytes: bytes(event.bytes) },
      ];
    case 'rescan':
      return [{ ...fromHost, type: 'rescan', phb: event.phb }];
    case 'unbind-vfio-pci':
      return [
        { from: 'environment', to: 'vfio-host', thread, type: 'unbind-vfio-pci', device: event.device },
      ];
    case 'exit':
      return [{ ...ofProcess, type: 'exit' }];
  }
}

/** Where the program's buffer lies: where the recording shows it, in its first look at preregistered memory. */
function bufferOf({ episodes }: Section): bigint {
  const shown = episodes
    .flatMap(({ calls }) => calls.map(({ args }) => args.ua))
    .find((ua) => ua !== undefined);
  return BigInt(shown ?? '0x7fff00000000');
}

/** The program's memory: one buffer, a part of which can only be read. No limit holds. */
function memoryMessages(buffer: bigint): readonly ProcessEvent[] {
  const vma = { bytes: bytes(BUFFER_BYTES), access: 'read-write', pageShift: 16, hpa: PROGRAM_HPA } as const;
  const readOnly = {
    ua: (buffer + READ_ONLY.at) as Ua,
    bytes: bytes(READ_ONLY.bytes),
    access: 'read',
  } as const;
  return [
    { ...ofProcess, type: 'set-memlock', limit: null, capIpcLock: true },
    { ...ofProcess, type: 'map-memory', vma: { ...vma, ua: buffer as Ua } },
    { ...ofProcess, type: 'protect-memory', ...readOnly },
  ];
}

/** What a call returned, as the recording shows it. */
function resultOf(answer: AnyMessage | undefined): { readonly value: number; readonly errno: string } | null {
  if (answer?.type !== 'vfio-return' && answer?.type !== 'kvm-return') return null;
  const { result } = answer as unknown as VfioReturn | KvmReturn;
  return result.ok ? { value: result.value, errno: 'OK' } : { value: -1, errno: result.errno };
}

/** Plays the operations of a section on a host, each held against what was recorded of it. */
class Player {
  #state;
  #names: Names = new Map();
  #files: RecordedFiles = new Map();
  readonly #participants: readonly Participant[];
  readonly #buffer: bigint;

  constructor(participants: readonly Participant[], buffer: bigint) {
    this.#participants = participants;
    this.#state = initialState(participants);
    this.#buffer = buffer;
  }

  /** Sends messages one after the other. @throws NotExplained where what runs is not what was recorded */
  #send(
    messages: readonly AnyMessage[],
    calls: readonly RecordedCall[],
    follower: Follower<OperationProgress>,
    cutShort: boolean,
  ): readonly AnyMessage[] {
    const progress = { ...progressOn(calls, this.#names), answers: [], cutShort };
    const offerings = messages.map((message) =>
      whenAtRest((): Choice => ({ kind: 'offer', to: message.to, message })),
    );
    const end = guidedRun(
      this.#participants,
      { state: this.#state, progress },
      offerings,
      follower,
      cutShort,
    );
    this.#state = end.state;
    this.#names = end.progress.names;
    return end.progress.answers;
  }

  /** What happens unseen. */
  unseen(messages: readonly AnyMessage[]): void {
    this.#send(messages, [], ANYTHING, false);
  }

  #operate(
    operation: RecordedOperation,
    calls: readonly RecordedCall[],
    follower: Follower<OperationProgress>,
    cutShort: boolean,
  ): ReturnType<typeof resultOf> {
    const message = messageOf(operation, this.#files, this.#buffer);
    const answers = this.#send(message === null ? [] : [message], calls, follower, cutShort);
    const result = resultOf(answers[0]);
    this.#files = filesAfter(operation, this.#files, result?.errno === 'OK' ? result.value : null);
    return result;
  }

  /** An operation that the recording does not show. */
  unseenOperation(text: string): void {
    const result = this.#operate(operationOf(`: ${text}`), [], ANYTHING, false);
    if (result !== null && result.errno !== 'OK') throw new NotExplained(`${text} fails: ${result.errno}`);
  }

  /** What was recorded from one mark to the next. */
  episode(section: string, { mark, operation, calls, late, ret }: Episode, cutShort: boolean): void {
    for (const event of HOST_HAD_DONE[`${section} ${mark}`] ?? []) this.unseen(hostMessages(event));
    for (const text of BEFORE[`${section} ${mark}`] ?? []) this.unseenOperation(text);
    const expected = [...calls, ...late];
    if (operation === null) {
      const messages = (HOST_DID[`${section} ${mark}`] ?? []).flatMap(hostMessages);
      this.#send(messages, expected, EFFECTS, cutShort);
      return;
    }
    const closes = operation.name === 'close';
    const whole = closes ? operationOf(`: close ${CLOSED[mark]}`) : operation;
    const result = this.#operate(whole, expected, EFFECTS, cutShort);
    if (ret === null || result === null || cutShort) return;
    const givesFd = /^(open|KVM_CREATE_)/.test(operation.name);
    if (result.errno !== ret.errno || (!givesFd && result.value !== ret.value)) {
      throw new NotExplained(
        `returns ${result.value} ${result.errno}, recorded is ${ret.value} ${ret.errno}`,
      );
    }
  }
}

/** How a section went: how many marks were compared, and the first difference. */
export interface PlayedSection {
  readonly compared: number;
  readonly difference: string | null;
}

/**
 * Plays a section of the recording on a host. What the recording cuts off at its end is compared as far as it
 * goes, and a mark that nothing was recorded at ends the section.
 */
export function playSection(section: Section, participants: readonly Participant[]): PlayedSection {
  const buffer = bufferOf(section);
  const player = new Player(participants, buffer);
  const { letter, episodes } = section;
  player.unseen(memoryMessages(buffer));
  for (const event of HOST_HAD_DONE[letter] ?? []) player.unseen(hostMessages(event));
  for (const text of BEFORE[letter]!) player.unseenOperation(text);

  let compared = 0;
  for (const episode of episodes) {
    const isLast = episode === episodes.at(-1);
    const cut = isLast && episode.operation !== null && episode.ret === null;
    if (cut && episode.calls.length === 0) break;
    try {
      player.episode(letter, episode, cut);
    } catch (error) {
      if (!(error instanceof NotExplained)) throw error;
      return { compared, difference: `${letter} ${episode.mark}: ${error.message}` };
    }
    compared += 1;
  }
  return { compared, difference: null };
}
