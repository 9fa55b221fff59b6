import { entriesOf, isFact, lookedUp, type PromelaParts } from './promela-steps.js';
import { VERDICT } from './tables.js';

/** More combinations that violate an invariant than this are left out. */
const WRONG_MAX = 1000;

/** `before(transition)` and `after()`: what each observer remembers of a step. */
export function observersCode({ remembered, cells, data }: PromelaParts): string {
  const { tables, layout } = remembered;
  const keys: string[] = [];
  const before: string[] = [];
  const after: string[] = [];
  layout.memories.forEach((memory, property) => {
    if (memory < 0) return;
    const { cells: read, others } = layout.reads[property]!;
    const places = [...read, ...others];
    const observed = data.table(
      2 + places.length,
      entriesOf(tables.observed[property]!, ([remembers, transition, ...ids], list) => {
        const next = tables.observations.data[tables.observations.startOf(list)]!;
        const values = ids.map((id, at) => cells.value(places[at]!, id));
        return { key: [remembers!, transition!, ...values], values: [cells.value(memory, next)] };
      }),
    );
    const key = `key${property}`;
    keys.push(`static int ${key}[${2 + places.length}];`);
    before.push(`  ${key}[0] = now.${cells.name(memory)};`, `  ${key}[1] = transition;`);
    read.forEach((cell, at) => {
      before.push(`  ${key}[${2 + at}] = now.${cells.name(cell)};`);
    });
    others.forEach((cell, at) => {
      after.push(`  ${key}[${2 + read.length + at}] = now.${cells.name(cell)};`);
    });
    after.push(`  now.${cells.name(memory)} = *${lookedUp('found', observed, key)};`);
  });
  return `${keys.join('\n')}
static void before(int transition)
{
${before.join('\n')}
}
static void after(void)
{
${after.join('\n')}
}`;
}

/** What holds in every state, as `isRight()`, and the names of the invariants that it stands for. */
export function invariantsCode(parts: PromelaParts): {
  readonly code: string;
  readonly asserted: readonly string[];
} {
  const { remembered, cells, data } = parts;
  const { tables, layout, model } = remembered;
  const asserted: string[] = [];
  const checks: string[] = [];
  model.properties.forEach(({ kind, name }, property) => {
    if (kind !== 'invariant') return;
    const { cells: read, guarded } = layout.reads[property]!;
    const wrong = entriesOf(tables.judged[property]!, (ids, verdict) =>
      verdict < VERDICT.firstViolation
        ? undefined
        : { key: ids.map((id, at) => cells.value(read[at]!, id)), values: [1] },
    );
    if (wrong.length > WRONG_MAX) return;
    asserted.push(name);
    if (wrong.length === 0) return;
    const guards = guarded.map(
      (cell, guard) => `(${isFact(parts, cell, tables.guards[property]![guard]!)}) && `,
    );
    const table = data.table(read.length, wrong);
    checks.push(`  {
    int key[] = {${read.map((cell) => `now.${cells.name(cell)}`).join(', ')}};
    if (${guards.join('')}${lookedUp('sought', table, 'key')}) return 0;
  }`);
  });
  return {
    code: `static int isRight(void)\n{\n${checks.map((each) => `${each}\n`).join('')}  return 1;\n}`,
    asserted,
  };
}
