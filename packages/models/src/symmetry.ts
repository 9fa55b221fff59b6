import {
  type Model,
  type Permutation,
  type RenameHints,
  renamed,
  renaming,
  startKept,
} from '@spapr-dma/checker';
import type { AnyMachineSnapshot } from 'xstate';
import type { ScenarioEntry } from './entries.js';

/** The kernel and KVM have their vCPUs in a list, and tell who holds a lock or reads by its place there. */
const VCPUS: RenameHints = {
  indexed: ['*.vcpus'],
  places: ['*.locks.*', '*.rcu.callbacks.*.readers.*', '**.vcpu'],
};

const vcpuName = (cpu: number): string => `vcpu${cpu}`;

/** How many vCPUs there are, as far as a machine knows of them. */
const vcpuCount = (model: Model): number =>
  Math.max(
    0,
    ...model.machines.map(({ start }) => {
      const { vcpus } = (start as AnyMachineSnapshot).context as { readonly vcpus?: readonly unknown[] };
      return vcpus?.length ?? 0;
    }),
  );

const ordersOf = (places: readonly number[]): readonly (readonly number[])[] =>
  places.length === 0
    ? [[]]
    : places.flatMap((first, at) => ordersOf(places.toSpliced(at, 1)).map((rest) => [first, ...rest]));

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));

/** What a process does, with its vCPU called by another name. */
function deedsOf(process: ScenarioEntry['processes'][number], to: ReadonlyMap<string, string>): string {
  const { name: _, ...deeds } = process;
  return textOf(renamed(deeds, to, VCPUS, 'process'));
}

/** By process: the one that does with the other vCPUs what it does with its own; undefined where some has none. */
function partnersOf(
  processes: ScenarioEntry['processes'],
  to: ReadonlyMap<string, string>,
): readonly number[] | undefined {
  const own = processes.map((each) => deedsOf(each, new Map()));
  const partners: number[] = [];
  for (const each of processes) {
    const image = deedsOf(each, to);
    const partner = own.findIndex((deeds, at) => deeds === image && !partners.includes(at));
    if (partner < 0) return undefined;
    partners.push(partner);
  }
  return partners;
}

interface Places {
  readonly at: readonly number[];
  readonly away?: number;
  readonly left?: readonly unknown[];
}

/** Where processes stand, with each in the place of its partner. */
function exchanged<State extends Places>(state: State, partners: readonly number[]): State {
  const moved = <Each>(list: readonly Each[]): readonly Each[] =>
    partners.reduce((next, partner, process) => next.with(partner, list[process]!), list);
  const { at, away, left } = state;
  const bits = partners.reduce(
    (next, partner, process) => next | ((((away ?? 0) >> process) & 1) << partner),
    0,
  );
  return {
    ...state,
    at: moved(at),
    ...(away === undefined ? {} : { away: bits }),
    ...(left === undefined ? {} : { left: moved(left) }),
  };
}

interface OfThread {
  readonly thread?: string;
  readonly call?: OfThread;
}
/** No list has both such entries and others; the order of others is kept. */
const threadOf = (each: OfThread | null): string => each?.thread ?? each?.call?.thread ?? '';
const byThread = (a: OfThread | null, b: OfThread | null): number =>
  threadOf(a) === threadOf(b) ? 0 : threadOf(a) < threadOf(b) ? -1 : 1;

/** Lists that are in the order of their threads; VFIO has one of its own, which the start shows. */
function orders(model: Model): NonNullable<RenameHints['sorted']> {
  const ranks = new Map<string, number>();
  for (const { start } of model.machines) {
    const { threads } = (start as AnyMachineSnapshot).context as { readonly threads?: readonly OfThread[] };
    for (const each of threads ?? []) ranks.set(threadOf(each), ranks.size);
  }
  return {
    '*.threads': (a: OfThread, b: OfThread) => ranks.get(threadOf(a))! - ranks.get(threadOf(b))!,
    '*.rcu.callbacks.*.readers': (a: number, b: number) => a - b,
    '*.dmas': byThread,
    'memory.**': byThread,
  };
}

/**
 * The ways to exchange vCPUs of a model for each other: those with which the same processes do the same, and that
 * begin alike. Groups, devices and pages are told apart by more than their names, and none of them is offered.
 */
export function symmetryOf(model: Model, { processes }: ScenarioEntry): readonly Permutation[] {
  const cpus = Array.from({ length: vcpuCount(model) }, (_, cpu) => cpu);
  const hints: RenameHints = { ...VCPUS, sorted: orders(model) };
  const symmetry = ordersOf(cpus).flatMap((order): readonly Permutation[] => {
    if (order.every((cpu, at) => cpu === at)) return [];
    const to = new Map(order.map((cpu, at) => [vcpuName(at), vcpuName(cpu)]));
    const partners = partnersOf(processes, to);
    // vCPUs of which no process makes use stay where they are anyway.
    if (partners === undefined || partners.every((partner, process) => partner === process)) return [];
    const permutation = renaming(to, hints);
    return [{ ...permutation, environment: (state: Places) => exchanged(state, partners) }];
  });
  return symmetry.length === 0 ? [] : startKept({ ...model, symmetry });
}
