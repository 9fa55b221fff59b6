import type { AnyMachineSnapshot } from 'xstate';
import type { IntList } from './int-list.js';
import type { Guards } from './model.js';
import type { ObservedMove, Reads } from './property.js';
import type { Remembered } from './remembered.js';
import { LEADS_TO, VERDICT } from './tables.js';
import { cellsOf, viewOf } from './views.js';

function noted(facts: IntList, id: number, fact: boolean): number {
  while (facts.length <= id) facts.push(0);
  facts.set(id, fact ? 2 : 1);
  return facts.at(id);
}

const factOf = (guards: Guards, at: number, snapshot: AnyMachineSnapshot): boolean =>
  Object.values(guards)[at]!(snapshot);

/** A fact about one machine or its inbox; sources of offers are asked under numbers below zero. */
export function answerGuard(remembered: Remembered, key: readonly number[]): number {
  const [who, at, id] = key as [number, number, number];
  const { tables, layout, model } = remembered;
  const isSource = who < 0;
  const place = (isSource ? layout.offers[-1 - who]! : layout.reads[who]!).guarded[at]!;
  const machine = place >> 1;
  if (isSource) {
    const { guards = {} } = model.environment!.sources[-1 - who]!;
    return noted(
      tables.offerGuards[-1 - who]![at]!,
      id,
      factOf(guards, at, remembered.locals[machine]!.at(id)),
    );
  }
  const { guards = {}, inboxGuards = {} }: Reads = model.properties[who]!.reads;
  const facts = tables.guards[who]![at]!;
  const count = Object.keys(guards).length;
  if (at < count) return noted(facts, id, factOf(guards, at, remembered.locals[machine]!.at(id)));
  return noted(facts, id, Object.values(inboxGuards)[at - count]!(remembered.inFlight(machine, id)));
}

/** The verdict of an invariant, whether what must sometimes hold does, and which parts of a leads-to hold. */
export function answerJudge(remembered: Remembered, [property, ...key]: readonly number[]): number {
  const { tables, layout, model, verdicts } = remembered;
  const { cells } = layout.reads[property!]!;
  const view = viewOf(remembered, cellsOf(cells, key, 0));
  const asked = model.properties[property!]!;
  let verdict: number = VERDICT.silent;
  if (asked.kind === 'invariant') verdict = verdicts.numberOf(asked.judge(view));
  if (asked.kind === 'sometimes') verdict = asked.holds(view) ? VERDICT.reached : VERDICT.silent;
  if (asked.kind === 'leads-to') {
    verdict = (asked.from(view) ? LEADS_TO.from : 0) | (asked.to(view) ? LEADS_TO.to : 0);
  }
  tables.judged[property!]!.add(key, verdict);
  return verdict;
}

/** What an observer makes of a step. */
export function answerObserve(remembered: Remembered, [property, ...key]: readonly number[]): number {
  const { tables, layout, model } = remembered;
  const observer = model.properties[property!]!;
  if (observer.kind !== 'observer') throw new TypeError(`${observer.name} is no observer`);
  const [memory, transition] = key as [number, number];
  const { locals, others, cells } = layout.reads[property!]!;
  const machine = tables.transitionMachine.at(transition);
  const before = cellsOf(cells, key, 2);
  const after = new Map([
    ...cellsOf(locals, key, 2),
    ...cellsOf(others, key, 2 + cells.length),
    ...(locals.includes(2 * machine) ? [[2 * machine, tables.transitionNext.at(transition)] as const] : []),
  ]);
  const { from, message } = remembered.messages.at(tables.transitionMessage.at(transition));
  const move: ObservedMove = {
    before: viewOf(remembered, before),
    after: viewOf(remembered, after),
    machine: remembered.nameOf(machine),
    from: remembered.nameOf(from),
    message,
    sent: remembered.sent[transition]!,
  };
  const { memory: next, ...judgement } = observer.observe(
    remembered.memories[property!]!.at(memory) as never,
    move,
  );
  const number = remembered.memoryNumber(property!, next);
  if (!observer.remembers && number !== memory) {
    throw new Error(`${observer.name} remembers something and says that it does not`);
  }
  const list = tables.observations.add([number, remembered.verdicts.numberOf(judgement)]);
  tables.observed[property!]!.add(key, list);
  return list;
}

/** The verdict on a state in which nobody can move. */
export function answerRest(remembered: Remembered, [property, ...key]: readonly number[]): number {
  const { tables, layout, model, verdicts } = remembered;
  const asked = model.properties[property!]!;
  const view = viewOf(remembered, cellsOf(layout.reads[property!]!.cells, key, 1));
  let violation: string | null = null;
  if (asked.kind === 'deadlock') violation = asked.waits(view);
  if (asked.kind === 'observer') {
    violation = asked.atRest?.(remembered.memories[property!]!.at(key[0]!) as never, view) ?? null;
  }
  const verdict = verdicts.numberOf({ violation, reached: false });
  tables.rested[property!]!.add(key, verdict);
  return verdict;
}
