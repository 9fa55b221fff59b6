import * as fc from 'fast-check';
import { type AnyStateMachine, assign, createMachine, emit } from 'xstate';
import { canonicalText } from '../src/canonical-text.ts';
import {
  ENVIRONMENT,
  type InFlight,
  type Message,
  type Model,
  type ModelMachine,
  type Offer,
  type OfferSource,
} from '../src/model.ts';
import type { CheckedProperty, Judgement, Reads, View } from '../src/property.ts';

/*
 * Everything that can be told apart in these models is small: few messages, few values, few places. What they are made
 * of is plain data, so that a failure prints it.
 */
const TYPES = ['a', 'b', 'c'] as const;
const VALUES = 3;
const PLACES = ['here', 'there', 'away'] as const;
const NAMES = ['one', 'two', 'three'] as const;

interface Payload extends Message {
  readonly n: number;
}

interface Context {
  readonly n: number;
}

const anyType = fc.constantFrom(...TYPES);
const anyValue = fc.nat(VALUES - 1);
const anyPlace = fc.constantFrom(...PLACES);
const anyName = fc.constantFrom(...NAMES);
/** Tells one fact about plain data from another. */
const anySalt = fc.nat(1000);

/** A fact that holds of about one of three things. */
function isSo(salt: number, what: unknown): boolean {
  let hash = salt;
  for (const letter of canonicalText(what)) hash = (hash * 31 + letter.charCodeAt(0)) | 0;
  return Math.abs(hash >> 3) % 3 === 0;
}

/** One way in which a machine takes a message. */
const anyTake = fc.record({
  at: fc.oneof(fc.constant(PLACES[0]), anyPlace),
  type: anyType,
  /** The value of the context that it needs; null for any. */
  needs: fc.option(anyValue, { freq: 1 }),
  target: fc.option(anyPlace),
  adds: anyValue,
  emits: fc.array(fc.record({ type: anyType, n: fc.option(anyValue) }), { maxLength: 2 }),
  fails: fc.nat(40).map((n) => n === 0),
});

const anyMachine = fc.record({
  takes: fc.array(anyTake, { minLength: 3, maxLength: 12, size: 'max' }),
  own: fc.array(fc.record({ when: fc.option(anyValue, { freq: 2 }), type: anyType }), {
    minLength: 1,
    maxLength: 2,
  }),
});

const anyReads = fc.record({
  machines: fc.uniqueArray(anyName),
  inboxes: fc.uniqueArray(anyName),
  environment: fc.boolean(),
  guard: fc.option(fc.record({ name: anyName, salt: anySalt })),
  inboxGuard: fc.option(fc.record({ name: anyName, max: fc.nat(2) })),
});

const anyProperty = fc.record({
  kind: fc.constantFrom('invariant', 'observer', 'deadlock', 'sometimes'),
  reads: anyReads,
  salt: anySalt,
  sometimes: fc.option(fc.constant('something happens')),
  remembers: fc.boolean(),
  hasRest: fc.boolean(),
});

const anySource = fc.record({
  to: anyName,
  type: anyType,
  n: anyValue,
  when: fc.option(anyValue),
  adds: anyValue,
  whenIdle: fc.boolean(),
  reads: fc.uniqueArray(anyName, { maxLength: 1 }),
  guard: fc.option(fc.record({ name: anyName, salt: anySalt })),
  salt: anySalt,
});

/** What a model of one to three machines is made of. Names of machines that it does not have stand for the first. */
export const anyModel = fc.record({
  machines: fc.array(anyMachine, { minLength: 1, maxLength: NAMES.length, size: 'max' }),
  receivers: fc.tuple(...TYPES.map(() => fc.oneof(anyName, anyName, fc.constantFrom(ENVIRONMENT, null)))),
  hasLanes: fc.boolean(),
  inFlight: fc.array(fc.record({ to: anyName, type: anyType, n: anyValue }), { maxLength: 3, size: 'max' }),
  sources: fc.array(anySource, { maxLength: 3, size: 'max' }),
  hears: fc.boolean(),
  properties: fc.array(anyProperty, { maxLength: 4, size: 'max' }),
});

type Made<Of> = Of extends fc.Arbitrary<infer Value> ? Value : never;
type Parts = Made<typeof anyModel>;
type Naming = (name: string) => string;

function machineOf(takes: Made<typeof anyMachine>['takes']): AnyStateMachine {
  const transitionOf = ({ needs, target, adds, emits, fails }: Made<typeof anyTake>) => ({
    ...(needs === null ? {} : { guard: ({ context }: { context: Context }) => context.n === needs }),
    ...(target === null ? {} : { target }),
    actions: [
      ...emits.map(({ type, n }) =>
        emit(({ context }: { context: Context }) => ({ type, n: n ?? context.n })),
      ),
      assign(({ context }: { context: Context }) => {
        if (fails) throw new Error('this machine is broken');
        return { n: (context.n + adds) % VALUES };
      }),
    ],
  });
  const states = PLACES.map((place) => {
    const on = TYPES.map((type) => {
      const ways = takes.filter((each) => each.at === place && each.type === type);
      return [type, ways.map(transitionOf)];
    });
    return [place, { on: Object.fromEntries(on) }];
  });
  return createMachine({
    context: { n: 0 },
    initial: PLACES[0],
    states: Object.fromEntries(states),
  } as never);
}

const modelMachine = ({ takes, own }: Made<typeof anyMachine>, at: number): ModelMachine => ({
  name: NAMES[at]!,
  machine: machineOf(takes),
  ownMoves: ({ n }: Context) =>
    own.filter(({ when }) => when === null || when === n).map(({ type }): Payload => ({ type, n: 0 })),
});

function readsOf(
  { machines, inboxes, environment, guard, inboxGuard }: Made<typeof anyReads>,
  nameOf: Naming,
): Reads {
  const all = (names: readonly string[]) => [...new Set(names.map(nameOf))];
  return {
    machines: all(machines),
    inboxes: all(inboxes),
    environment,
    ...(guard === null ? {} : { guards: { [nameOf(guard.name)]: ({ value }) => !isSo(guard.salt, value) } }),
    ...(inboxGuard === null
      ? {}
      : {
          inboxGuards: {
            [nameOf(inboxGuard.name)]: (inFlight: readonly InFlight[]) => inFlight.length <= inboxGuard.max,
          },
        }),
  };
}

/** What a view shows of what was declared. */
const shown = (view: View, { machines, inboxes = [], environment = false }: Reads): unknown => [
  machines.map((name) => [view.snapshot(name).value, view.snapshot(name).context]),
  inboxes.map((name) => view.inbox(name)),
  environment ? view.environment() : null,
];

/** Wrong of about one of thirty things, so that a search comes to something first. */
const judged = (salt: number, what: unknown): Judgement => ({
  violation: ['this', 'and this', 'and this'].every((each, n) => isSo(salt, [n, each, what]))
    ? 'wrong'
    : null,
  reached: isSo(salt, ['reached', what]),
});

/** A property of any kind that a plain search judges. */
function propertyOf(parts: Made<typeof anyProperty>, at: number, nameOf: Naming): CheckedProperty {
  const { kind, salt, sometimes, remembers, hasRest } = parts;
  const reads = readsOf(parts.reads, nameOf);
  // Two may bear one name.
  const about = { name: `property${at % 3}`, title: `property ${at} holds`, reads };
  const atRest = (what: unknown) => (isSo(salt, what) ? 'wrong at rest' : null);
  switch (kind) {
    case 'invariant':
      return { ...about, kind, sometimes, judge: (view) => judged(salt, shown(view, reads)) };
    case 'sometimes':
      return { ...about, kind, holds: (view) => isSo(salt, shown(view, reads)) };
    case 'deadlock':
      return { ...about, kind, waits: (view) => atRest(shown(view, reads)) };
    default:
      return {
        ...about,
        kind: 'observer',
        sometimes,
        initial: 0,
        remembers,
        observe: (memory: number, { before, after, machine, from, message, sent }) => {
          const seen = [shown(before, reads), shown(after, reads), machine, from, message, sent, memory];
          const isNoted = remembers && isSo(salt, seen);
          return { ...judged(salt, seen), memory: isNoted ? (memory + 1) % VALUES : memory };
        },
        ...(hasRest ? { atRest: (memory: number, view: View) => atRest([memory, shown(view, reads)]) } : {}),
      };
  }
}

function sourceOf(parts: Made<typeof anySource>, nameOf: Naming): OfferSource<number> {
  const { to, type, n, when, adds, whenIdle, guard, salt } = parts;
  const reads = parts.reads.map(nameOf);
  return {
    reads,
    ...(guard === null ? {} : { guards: { [nameOf(guard.name)]: ({ value }) => !isSo(guard.salt, value) } }),
    offers: (state, view): readonly Offer<number>[] => {
      if (when !== null && when !== state) return [];
      if (reads.length > 0 && isSo(salt, shown(view, { machines: reads }))) return [];
      const message: Payload = { type, n };
      return [{ to: nameOf(to), message, next: (state + adds) % VALUES, whenIdle, label: { type, state } }];
    },
  };
}

/** The model that is made of these parts. */
export function modelOf(parts: Parts): Model {
  const { receivers, hasLanes, hears } = parts;
  const names = NAMES.slice(0, parts.machines.length);
  const nameOf: Naming = (name) => names.find((each) => each === name) ?? NAMES[0];
  const laneOf = (type: string) => (hasLanes ? type : '');
  return {
    name: 'any model',
    machines: parts.machines.map(modelMachine),
    route: ({ type }) => {
      const to = receivers[(TYPES as readonly string[]).indexOf(type)] ?? null;
      if (to === null) return null;
      return { to: to === ENVIRONMENT ? to : nameOf(to), lane: laneOf(type) };
    },
    inFlight: parts.inFlight.map(({ to, type, n }) => {
      const message: Payload = { type, n };
      return { from: NAMES[0], to: nameOf(to), lane: laneOf(type), message };
    }),
    environment: {
      initial: 0,
      sources: parts.sources.map((source) => sourceOf(source, nameOf)),
      ...(hears
        ? { hears: (state: number, message: Message) => (state + (message as Payload).n) % VALUES }
        : {}),
    },
    properties: parts.properties.map((property, at) => propertyOf(property, at, nameOf)),
  };
}
