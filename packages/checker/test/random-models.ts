import * as fc from 'fast-check';
import { assign, enqueueActions, setup } from 'xstate';
import { ENVIRONMENT, type Message, type Model } from '../src/model.ts';
import type { CheckedProperty, View } from '../src/property.ts';

const LETTERS = ['a', 'b'] as const;
type Letter = (typeof LETTERS)[number];
const PLACES = 3;

/** What a machine does at a place: where it goes, and to whom it sends what; 0 is the next machine after it, the last the environment. */
export interface Rule {
  readonly next: number;
  readonly sends: readonly { readonly to: number; readonly letter: Letter }[];
}
/** By place: what it does by itself, and on each letter; null where it does not. */
export interface Rules {
  readonly goes: readonly (Rule | null)[];
  readonly takes: Readonly<Record<Letter, readonly (Rule | null)[]>>;
}
/** Offered to a machine, where another one is at a place, after the environment has heard so many messages. */
export interface Offered {
  readonly to: number;
  readonly letter: Letter;
  readonly whileAt: readonly [machine: number, place: number] | null;
  readonly heard: number;
}
export interface RandomModel {
  /** By machine. */
  readonly rules: readonly Rules[];
  /** How often each machine goes by itself, or sends something. */
  readonly fuel: number;
  /** What is offered; each is made once. */
  readonly offers: readonly Offered[];
  /** A pair of a machine and a place, of which the properties speak. */
  readonly watched: readonly [number, number];
  readonly watchedToo: readonly [number, number];
}

const place = fc.nat({ max: PLACES - 1 });
const letter = fc.constantFrom(...LETTERS);
const ruleFor = (receivers: number): fc.Arbitrary<Rule | null> =>
  fc.option(
    fc.record({
      next: place,
      sends: fc.array(fc.record({ to: fc.nat({ max: receivers - 1 }), letter }), { maxLength: 1 }),
    }),
    { freq: 3 },
  );
const rulesFor = (receivers: number): fc.Arbitrary<Rules> => {
  const each = fc.array(ruleFor(receivers), { minLength: PLACES, maxLength: PLACES });
  return fc.record({ goes: each, takes: fc.record({ a: each, b: each }) });
};

/** Models of a few machines that are each other's or have rules of their own. */
export const randomModel = ({ machines = 3, areEqual = false } = {}): fc.Arbitrary<RandomModel> => {
  const one = rulesFor(areEqual ? machines - 1 : machines);
  const rules = areEqual
    ? one.map((each) => Array.from({ length: machines }, () => each))
    : fc.array(one, { minLength: machines, maxLength: machines });
  const at = fc.tuple(fc.nat({ max: machines - 1 }), place);
  return fc.record({
    rules,
    fuel: fc.integer({ min: 1, max: 2 }),
    offers: areEqual
      ? fc.constant([])
      : fc.array(
          fc.record({
            to: fc.nat({ max: machines - 1 }),
            letter,
            whileAt: fc.option(at),
            heard: fc.nat({ max: 1 }),
          }),
          { maxLength: 2 },
        ),
    watched: at,
    watchedToo: at,
  });
};

interface Context {
  readonly at: number;
  readonly left: number;
}
type Event = { readonly type: 'go' } | { readonly type: Letter };

const ruleOf = (rules: Rules, { at, left }: Context, { type }: Event): Rule | null =>
  type !== 'go' ? rules.takes[type][at]! : left > 0 ? rules.goes[at]! : null;

const machineOf = (rules: Rules, name: string, others: readonly string[]) =>
  setup({
    types: {} as {
      context: Context;
      input: number;
      events: Event;
      emitted: { readonly type: Letter; readonly to: string };
    },
    guards: { hasRule: ({ context, event }) => ruleOf(rules, context, event) !== null },
    actions: {
      follow: enqueueActions(({ context, event, enqueue }) => {
        const rule = ruleOf(rules, context, event)!;
        // Going and sending take fuel, so that it comes to an end.
        const sends = event.type === 'go' || context.left > 0 ? rule.sends : [];
        const isFree = event.type !== 'go' && sends.length === 0;
        enqueue(assign({ at: rule.next, left: isFree ? context.left : context.left - 1 }));
        for (const { to, letter } of sends) enqueue.emit({ type: letter, to: others[to]! });
      }),
    },
  }).createMachine({
    id: name,
    context: ({ input }) => ({ at: 0, left: input }),
    on: Object.fromEntries(['go', ...LETTERS].map((type) => [type, { guard: 'hasRule', actions: 'follow' }])),
  });

interface Outside {
  readonly made: number;
  readonly heard: number;
}

export const randomName = (at: number): string => `machine${at}`;

export function modelFrom(
  { rules, fuel, offers }: RandomModel,
  properties: readonly CheckedProperty[],
): Model {
  const names = rules.map((_, at) => randomName(at));
  return {
    name: 'random',
    machines: rules.map((each, at) => ({
      name: names[at]!,
      machine: machineOf(each, names[at]!, [...names.slice(at + 1), ...names.slice(0, at), ENVIRONMENT]),
      input: fuel,
      ownMoves: () => [{ type: 'go' }],
    })),
    route: (message: Message) => ({ to: (message as unknown as { to: string }).to, lane: '' }),
    environment: {
      initial: { made: 0, heard: 0 },
      // It counts to two.
      hears: ({ made, heard }: Outside) => ({ made, heard: Math.min(2, heard + 1) }),
      sources: offers.map(({ to, letter, whileAt, heard }, n) => ({
        reads: whileAt === null ? [] : [names[whileAt[0]]!],
        offers: (state: Outside, view: View) => {
          const isMade = (state.made & (1 << n)) !== 0;
          const isTime = whileAt === null || view.snapshot(names[whileAt[0]]!).context.at === whileAt[1];
          if (isMade || state.heard < heard || !isTime) return [];
          const next = { ...state, made: state.made | (1 << n) };
          return [{ to: names[to]!, message: { type: letter }, next, label: n }];
        },
      })),
    },
    properties,
  };
}
