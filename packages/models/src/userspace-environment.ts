import type { Environment, Message, Offer } from '@spapr-dma/checker';
import type { HcallName, HcallReturn } from '@spapr-dma/protocol';
import {
  type AnyMessage,
  isAnswer,
  isAnswered,
  type Offer as SystemOffer,
  vmmOffer,
} from '@spapr-dma/system';
import type { VmmProcess } from './entries.js';
import { nextPlaces, type Processes, placeAfter } from './environment.js';

/** Where a VMM's threads stand. */
export interface VmmState {
  /** By process: the place of its next step, or for steps in any order a bit for each that was taken. */
  readonly at: readonly number[];
  /** A bit for each process whose call has not returned. */
  readonly away: number;
  /** By process: the hypercall that KVM has left to the VMM. */
  readonly left: readonly (HcallName | null)[];
  /** The VMM ends or has ended: none of its threads calls any more. */
  readonly gone: boolean;
}

interface PlannedCall extends SystemOffer {
  readonly verb: string;
  readonly isAnswered: boolean;
  /** The process of the VMM ends. */
  readonly isExit: boolean;
  /** Done by the host's administrator or by a device, and not by a thread of the VMM. */
  readonly isHosts: boolean;
}
interface PlannedVmmProcess extends Omit<VmmProcess, 'steps'> {
  readonly steps: readonly PlannedCall[];
}

const planned = (process: VmmProcess): PlannedVmmProcess => ({
  ...process,
  steps: process.steps.map((call): PlannedCall => {
    const offer = vmmOffer(call);
    const isExit = call.type === 'exit';
    return {
      ...offer,
      verb: call.type,
      isAnswered: isAnswered(call),
      isExit,
      isHosts: !isExit && offer.message.from === 'environment',
    };
  }),
});

/** The VMM has no tables of its own: it knows the LIOBN of no hypercall that KVM leaves to it. */
const refusal = (call: HcallName, thread: HcallReturn['thread']): HcallReturn => ({
  type: 'hcall-return',
  from: 'qemu-spapr',
  to: 'kvm',
  thread,
  call,
  status: 'H_PARAMETER',
  tce: null,
});

/**
 * Threads of a VMM, vCPUs and the host's administrator, each of whom makes a call when its last one has returned.
 * A VMM that is killed ends when none of its threads is inside the kernel.
 */
export function vmmEnvironmentOf(entries: readonly VmmProcess[]): Processes<VmmState> {
  const processes = entries.map(planned);
  const steps = processes.flatMap((process) => process.steps);
  /** Processes that are the VMM's: only for these does its end wait. */
  const itsOwn = processes.reduce(
    (bits, process, number) => bits | (process.steps.some(({ isHosts }) => isHosts) ? 0 : 1 << number),
    0,
  );

  const isOffered = ({ isExit, isHosts }: PlannedCall, { away, gone }: VmmState): boolean =>
    isExit ? (away & itsOwn) === 0 : isHosts || !gone;

  const offersIn = (state: VmmState) => {
    const offers: Offer<VmmState>[] = [];
    for (const [number, process] of processes.entries()) {
      const left = state.left[number]!;
      if (left !== null) {
        const message = refusal(left, process.thread);
        const next = { ...state, left: state.left.with(number, null) };
        const label = { process: process.name, do: message.type };
        offers.push({ to: 'kvm', message, next, isDue: true, label });
        continue;
      }
      if ((state.away & (1 << number)) !== 0) continue;
      const at = state.at[number]!;
      for (const place of nextPlaces(process, at)) {
        const call = process.steps[place]!;
        if (!isOffered(call, state)) continue;
        const next: VmmState = {
          ...state,
          at: state.at.with(number, placeAfter(process, at, place)),
          away: call.isAnswered ? state.away | (1 << number) : state.away,
          gone: state.gone || call.isExit,
        };
        const label = { process: process.name, step: place + 1, do: call.verb };
        // Of a process that ends the kernel ends everything.
        const isDue = call.isExit && state.gone;
        offers.push({ to: call.to, message: call.message, next, isDue, label });
      }
    }
    return offers;
  };

  const hears = (state: VmmState, message: Message, from: string): VmmState => {
    const { thread, type } = message as AnyMessage;
    const number = processes.findIndex((process) => process.thread === thread);
    if (number < 0) return state;
    if (isAnswer(message as AnyMessage)) {
      // The refused hypercall of a vCPU returns to the guest by KVM, and without another message.
      return { ...state, away: state.away & ~(1 << number) };
    }
    return from === 'kvm' && type.startsWith('H_')
      ? { ...state, left: state.left.with(number, type as HcallName) }
      : state;
  };

  const environment: Environment<VmmState> = {
    initial: {
      at: processes.map(() => 0),
      away: 0,
      left: processes.map(() => null),
      gone: false,
    },
    sources: [{ offers: offersIn }],
    hears,
  };
  const hypercalls = steps.some(({ verb }) => verb.startsWith('H_'));
  return {
    environment,
    routesAt: null,
    hearsOf: (type) => isAnswer({ type } as AnyMessage) || (hypercalls && type.startsWith('H_')),
  };
}
