import fc from 'fast-check';
import { type AnyStateMachine, emit, setup } from 'xstate';
import type { Message, Model, ModelMachine } from '../src/model.ts';
import type { LeadsTo } from '../src/property.ts';

const NAMES = ['left', 'right'] as const;
const STATES = 3;
const OWN = ['one', 'two'] as const;
/** Whoever takes one of these may send one, so that there are never more of them than at the start. */
const TOKENS = ['red', 'blue'] as const;
const OFFERED = 'offered';

type Token = (typeof TOKENS)[number];
type Sent = { readonly type: Token; readonly to: (typeof NAMES)[number] };

interface Arrow {
  readonly target: number;
  readonly sent: Sent | null;
}

/** By state: what each message does; null where it is not taken. */
type Table = readonly Readonly<Record<string, Arrow | null>>[];

const target = fc.nat({ max: STATES - 1 });
const token: fc.Arbitrary<Sent> = fc.record({
  type: fc.constantFrom(...TOKENS),
  to: fc.constantFrom(...NAMES),
});
const silent = fc.option(fc.record({ target, sent: fc.constant(null) }), { freq: 2 });
const answering = fc.option(fc.record({ target, sent: fc.option(token, { freq: 4 }) }), { freq: 3 });
const table: fc.Arbitrary<Table> = fc.array(
  fc.record({ one: silent, two: silent, offered: silent, red: answering, blue: answering }),
  { minLength: STATES, maxLength: STATES },
);

function machineOf(name: string, rows: Table): ModelMachine {
  const states = rows.map((row, at) => [
    `s${at}`,
    {
      on: Object.fromEntries(
        Object.entries(row).flatMap(([type, arrow]) =>
          arrow === null
            ? []
            : [
                [
                  type,
                  { target: `s${arrow.target}`, actions: arrow.sent === null ? [] : [emit(arrow.sent)] },
                ],
              ],
        ),
      ),
    },
  ]);
  const machine = setup({ types: {} as { events: Message; emitted: Sent } }).createMachine({
    initial: 's0',
    states: Object.fromEntries(states),
  });
  return {
    name,
    machine: machine as AnyStateMachine,
    ownMoves: () => OWN.map((type) => ({ type })),
  };
}

const leadsTo = (at: number, from: number, to: number): LeadsTo => ({
  kind: 'leads-to',
  name: `${NAMES[at]}: ${from} ~> ${to}`,
  title: `${NAMES[at]} gets from ${from} to ${to}`,
  reads: { machines: [NAMES[at]!] },
  from: (view) => view.snapshot(NAMES[at]!).value === `s${from}`,
  to: (view) => view.snapshot(NAMES[at]!).value === `s${to}`,
});

interface Description {
  readonly tables: readonly [Table, Table];
  readonly tokens: readonly Sent[];
  readonly isOneLane: boolean;
  /** How many of the machines are offered something. */
  readonly offers: number;
  /** Whether what the second one is offered comes in the end. */
  readonly isDue: boolean;
}

export const descriptions: fc.Arbitrary<Description> = fc.record({
  tables: fc.tuple(table, table),
  tokens: fc.array(token, { maxLength: 2 }),
  isOneLane: fc.boolean(),
  offers: fc.nat({ max: 2 }),
  isDue: fc.boolean(),
});

/** Two machines that hand some tokens to each other, move by themselves, and are offered something. */
export function modelOf({ tables, tokens, isOneLane, offers, isDue }: Description): Model {
  const laneOf = ({ type }: Message): string => (isOneLane ? '' : type);
  return {
    name: 'random',
    machines: tables.map((rows, at) => machineOf(NAMES[at]!, rows)),
    route: (message) => ({ to: (message as Sent).to, lane: laneOf(message) }),
    inFlight: tokens.map((message) => ({ from: 'left', to: message.to, lane: laneOf(message), message })),
    environment: {
      initial: 0,
      sources: NAMES.slice(0, offers).map((to, at) => ({
        offers: (state: number) => [
          {
            to,
            message: { type: OFFERED },
            next: 1 - state,
            label: `${to} ${state}`,
            isDue: isDue && at === 1,
          },
        ],
      })),
    },
    properties: [leadsTo(0, 0, 1), leadsTo(0, 1, 2), leadsTo(1, 0, 2), leadsTo(1, 2, 0)],
  };
}
