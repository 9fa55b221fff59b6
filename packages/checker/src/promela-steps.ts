import type { IntList } from './int-list.js';
import type { IntLists } from './int-lists.js';
import type { IntMap } from './int-map.js';
import type { PromelaCells } from './promela-cells.js';
import type { PromelaEntry, PromelaTable, PromelaTables } from './promela-tables.js';
import type { Remembered } from './remembered.js';
import { OFFER } from './tables.js';

/** What the C of a model is made from: the tables go to `data`. */
export interface PromelaParts {
  readonly remembered: Remembered;
  readonly cells: PromelaCells;
  readonly data: PromelaTables;
}

/** C functions, and how many steps they can choose from at most. */
export interface PromelaChoice {
  readonly code: string;
  readonly most: number;
}

/** C that finds the values behind a key of two numbers. */
const found2 = ({ at, mask, stride }: PromelaTable, a: string, b: string): string =>
  `found2(${at}, ${mask}, ${stride}, ${a}, ${b})`;

/** C that finds the values behind a key of any width, `how` it may be. */
export const lookedUp = (how: 'sought' | 'found', table: PromelaTable, key: string): string =>
  `${how}(${table.at}, ${table.mask}, ${table.width}, ${table.stride}, ${key})`;

export const entriesOf = (
  map: IntMap,
  entry: (key: readonly number[], value: number) => PromelaEntry | undefined,
): readonly PromelaEntry[] => {
  const entries: PromelaEntry[] = [];
  map.forEach((key, value) => {
    const made = entry(key, value);
    if (made !== undefined) entries.push(made);
  });
  return entries;
};

const listOf = (lists: IntLists, list: number): readonly number[] => [
  ...lists.data.subarray(lists.startOf(list), lists.endOf(list)),
];

/** C that is true where a fact about a cell is. */
export const isFact = ({ cells, data }: PromelaParts, cell: number, facts: IntList): string => {
  // Places of inboxes differ from ours, so a fact about one is looked up by the variable's number.
  const byValue: number[] = [];
  for (let id = 0; id < facts.length; id += 1) {
    if (facts.at(id) !== 0) byValue[cells.value(cell, id)] = facts.at(id) === 2 ? 1 : 0;
  }
  const at = data.list(Array.from(byValue, (fact) => fact ?? 0));
  return `now.${cells.name(cell)} < ${byValue.length} && tables[${at} + now.${cells.name(cell)}]`;
};

/** `settle`: a machine goes where a transition leads, which is what happens to the messages it sends. */
export function sendsCode({ remembered, cells, data }: PromelaParts): string {
  const { tables, layout, messages } = remembered;
  const { machines, environment } = layout;
  const sends = new Map<number, number>();
  const rows: number[] = [];
  for (let transition = 0; transition < tables.transitionMachine.length; transition += 1) {
    const list = tables.transitionSends.at(transition);
    const values = listOf(tables.sends, list);
    if (!sends.has(list)) sends.set(list, data.list(values));
    const first = sends.get(list)!;
    rows.push(Math.max(0, tables.transitionNext.at(transition)), first, first + values.length);
    const machine = tables.transitionMachine.at(transition);
    if (machine >= 0) cells.value(2 * machine, tables.transitionNext.at(transition));
  }
  const transitions = data.list(rows);
  const pushes = data.table(
    2,
    entriesOf(tables.pushes, ([inbox, message], next) => {
      const place = 2 * messages.at(message!).to + 1;
      return { key: [cells.value(place, inbox!), message!], values: [cells.value(place, next)] };
    }),
  );
  const hears = data.table(
    2,
    entriesOf(tables.hears, (key, next) => ({ key, values: [cells.value(environment, next)] })),
  );
  const receivers = Array.from({ length: machines }, (_, machine) => {
    const inbox = `now.${cells.name(2 * machine + 1)}`;
    return `    case ${machine}: ${inbox} = *${found2(pushes, inbox, 'at[1]')}; break;`;
  });
  const settled = Array.from(
    { length: machines },
    (_, machine) => `  case ${machine}: now.${cells.name(2 * machine)} = row[0]; break;`,
  );
  return `static void settle(int machine, int transition)
{
  const int *row = tables + ${transitions} + 3 * transition;
  const int *at = tables + row[1], *end = tables + row[2];
  switch (machine) {
${settled.join('\n')}
  }
  for (; at < end; at += 2)
    switch (at[0]) {
${receivers.join('\n')}
    default: now.environment = *${found2(hears, 'now.environment', 'at[1]')};
    }
}`;
}

/** By machine: `moveN(n)`, whether it has an n-th move, and `movedN()`, which takes it. */
export function movesCode(parts: PromelaParts, machine: number): PromelaChoice {
  const { remembered, cells, data } = parts;
  const { tables } = remembered;
  const [local, inbox] = [2 * machine, 2 * machine + 1];
  let most = 0;
  const moves = data.table(
    2,
    entriesOf(tables.moves, ([mover, from, waiting], list) => {
      if (mover !== machine) return undefined;
      const steps = listOf(tables.moveLists, list).map((each, at) =>
        at % 2 === 0 ? each : cells.value(inbox, each),
      );
      most = Math.max(most, steps.length / 2);
      const key = [cells.value(local, from!), cells.value(inbox, waiting!)];
      return { key, values: [data.list(steps), steps.length / 2] };
    }),
  );
  const sought = found2(moves, `now.${cells.name(local)}`, `now.${cells.name(inbox)}`);
  const code = `static int move${machine}(int n)
{
  const int *list = ${sought};
  picked = tables + list[0] + 2 * n;
  return n < list[1];
}
static void moved${machine}(void)
{
  int transition = picked[0];
  before(transition);
  now.${cells.name(inbox)} = picked[1];
  settle(${machine}, transition);
  after();
}`;
  return { code, most };
}

/** `isIdle()`: no machine can move. */
export const idleCode = (machines: number): string => `static int isIdle(void)
{
  return ${Array.from({ length: machines }, (_, machine) => `!move${machine}(0)`).join(' && ') || '1'};
}`;

/** By source: `offerN(n)`, whether it has an n-th offer that is taken. */
export function offersCode(parts: PromelaParts, source: number): PromelaChoice {
  const { remembered, cells, data } = parts;
  const { tables, layout } = remembered;
  const places = [layout.environment, ...layout.offers[source]!.cells];
  let most = 0;
  const offers = data.table(
    places.length,
    entriesOf(tables.offers[source]!, (key, list) => {
      // What an offer is called is for readers.
      const steps = listOf(tables.offerLists, list).filter((_, at) => at % 5 !== 4);
      for (let at = 2; at < steps.length; at += 4) cells.value(layout.environment, steps[at]!);
      most = Math.max(most, steps.length / 4);
      return { key, values: [data.list(steps), steps.length / 4] };
    }),
  );
  const guards = layout.offers[source]!.guarded.map(
    (cell, guard) => `  if (!(${isFact(parts, cell, tables.offerGuards[source]![guard]!)})) return 0;\n`,
  );
  const code = `static int offer${source}(int n)
{
  int key[] = {${places.map((cell) => `now.${cells.name(cell)}`).join(', ')}};
  const int *list;
${guards.join('')}  list = ${lookedUp('found', offers, 'key')};
  if (n >= list[1]) return 0;
  return isTaken(tables + list[0] + 4 * n);
}`;
  return { code, most };
}

/** `isTaken(offer)`: whether its receiver takes it now, and `offered()`, which is what follows then. */
export function offeredCode({ remembered, cells, data }: PromelaParts): string {
  const { tables, layout } = remembered;
  const receivers = Array.from({ length: layout.machines }, (_, machine) => {
    const taken = data.table(
      2,
      entriesOf(tables.transitions, ([taker, local, message], transition) =>
        taker === machine ? { key: [local!, message!], values: [transition] } : undefined,
      ),
    );
    const found = found2(taken, `now.${cells.name(2 * machine)}`, 'offer[1]');
    return `  case ${machine}: offeredTransition = *${found}; break;`;
  });
  return `static int isTaken(const int *offer)
{
  if ((offer[3] & ${OFFER.whenIdle}) && !isIdle()) return 0;
  switch (offer[0]) {
${receivers.join('\n')}
  }
  picked = offer;
  return offeredTransition != 0;
}
static void offered(void)
{
  before(offeredTransition);
  now.environment = picked[2];
  settle(picked[0], offeredTransition);
  after();
}`;
}
