/** Searches one model in every way there is, in one run on one machine. */
import { cpus } from 'node:os';
import { fromTransition } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import { remember } from './packages/checker/src/answers.ts';
import { BreadthFirst, breadthFirst } from './packages/checker/src/breadth-first.ts';
import type { Model } from './packages/checker/src/model.ts';
import { naiveSearch } from './packages/checker/src/naive.ts';
import {
  type NaiveChoice,
  type NaiveState,
  naiveChoices,
  naiveKey,
  naiveMove,
  naiveStart,
} from './packages/checker/src/naive-steps.ts';
import { type PromelaModel, promelaOf } from './packages/checker/src/promela.ts';
import type { SearchResult } from './packages/checker/src/result.ts';
import type { SearchOptions } from './packages/checker/src/search-options.ts';
import { spinLacks, spinRun } from './spin.base.ts';

/** Without reductions, to the end. */
const PLAIN: SearchOptions = { until: 'all', symmetry: false };
/** What the slow ways are given of a model. */
const STATES_OF_SLOW = 3000;
const RUNS = 12;

interface Row {
  readonly way: string;
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly bytesPerState?: number;
}

const processorSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Processor time, that of collecting garbage included: other programs on the machine do not count. */
function timed<Result>(work: () => Result): { readonly result: Result; readonly seconds: number } {
  globalThis.gc?.();
  const begun = processorSeconds();
  const result = work();
  return { result, seconds: processorSeconds() - begun };
}

/** The search that asks xstate, and the best of those that remember all answers. */
function ours(model: Model, options: SearchOptions): { readonly asking: Row; readonly remembering: Row } {
  const { result: remembered, seconds: before } = timed(() => remember(model));
  const search = (): SearchResult => new BreadthFirst(remembered, options).run();
  const first = timed(search);
  const again = Array.from({ length: RUNS }, () => timed(search).seconds);
  return {
    asking: { ...first.result, way: 'ours, asking xstate', seconds: before + first.seconds },
    remembering: { ...first.result, way: 'ours, all remembered', seconds: Math.min(...again) },
  };
}

async function spins(promela: PromelaModel): Promise<{ readonly row: Row; readonly compileSeconds: number }> {
  const { states } = promela;
  const found = await spinRun(promela.text, { states, runs: RUNS });
  if (found.states !== states) throw new Error(`Spin visits ${found.states} states, not ${states}`);
  // Spin takes the start for a step of its own.
  const row = {
    ...found,
    way: 'Spin',
    transitions: found.transitions - 1,
    bytesPerState: found.bytes / states,
  };
  return { row, compileSeconds: found.compileSeconds };
}

function naive(model: Model): Row {
  const { result, seconds } = timed(() => naiveSearch(model, { ...PLAIN, statesMax: STATES_OF_SLOW }));
  return { ...result, way: 'naive', seconds };
}

/** `xstate/graph`, with all machines and channels as one actor logic, and keys by which states are told apart. */
function graph(model: Model): Row {
  const logic = fromTransition(
    (state: NaiveState, { choice }: { readonly type: string; readonly choice: NaiveChoice }) =>
      naiveMove(model, state, choice).after,
    naiveStart(model),
  );
  const { result, seconds } = timed(() => {
    let seen = 0;
    return getAdjacencyMap(logic, {
      events: ({ context }) =>
        naiveChoices(model, context).map((choice, at) => ({ type: `step ${at}`, choice })),
      serializeState: ({ context }) => naiveKey(model, context),
      serializeEvent: ({ type }) => type,
      stopWhen: () => {
        seen += 1;
        return seen > STATES_OF_SLOW;
      },
    });
  });
  const each = Object.values(result);
  const transitions = each.reduce((sum, { transitions: of }) => sum + Object.keys(of).length, 0);
  return { way: 'xstate/graph', states: each.length, transitions, seconds };
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const COLUMNS = ['', 'states', 'transitions', 'seconds', 'states/s', 'transitions/s', 'bytes/state'];

function print(rows: readonly Row[]): void {
  const cells = rows.map(({ way, states, transitions, seconds, bytesPerState }) => [
    way,
    whole(states),
    whole(transitions),
    seconds.toFixed(3),
    whole(states / seconds),
    whole(transitions / seconds),
    bytesPerState === undefined ? '-' : whole(bytesPerState),
  ]);
  const all = [COLUMNS, ...cells];
  const widths = COLUMNS.map((_, at) => Math.max(...all.map((row) => row[at]!.length)));
  for (const row of all) {
    console.log(
      row.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]!))).join('  '),
    );
  }
}

/** Reductions with which a verdict is looked for. */
const REDUCTIONS: readonly (readonly [string, SearchOptions])[] = [
  ['none', { symmetry: false }],
  ['symmetry', { symmetry: true }],
  ['partial order', { symmetry: false, partialOrder: true }],
  ['symmetry and partial order', { symmetry: true, partialOrder: true }],
];

/** Prints how long it takes to the first violation, or to know that there is none: xstate is asked anew. */
async function printVerdicts(model: Model, promela: PromelaModel | null): Promise<void> {
  console.log('seconds to the verdict, by reduction:');
  for (const [name, options] of REDUCTIONS) {
    const { result, seconds } = timed(() => breadthFirst(model, options));
    const { verdict, states } = result;
    console.log(`  ours, ${name}: ${verdict}, ${seconds.toFixed(3)}, ${whole(states)} states`);
  }
  if (promela === null) return;
  // Only invariants are part of what Spin is given.
  for (const [name, flag] of [['none', '-DNOREDUCE'] as const, ['its partial order', '-DREDUCE'] as const]) {
    const { states, errors, seconds } = await spinRun(promela.text, {
      states: promela.states,
      spin: ['-DASSERT'],
      flags: ['-O2', '-DSAFETY', flag],
      runs: RUNS,
    });
    const verdict = errors === 0 ? 'holds' : 'violated';
    console.log(`  Spin, ${name}: ${verdict}, ${seconds.toFixed(3)}, ${whole(states)} states`);
  }
}

/** Prints what each way of searching a model costs. */
export async function compare(name: string, model: Model): Promise<void> {
  const { asking, remembering } = ours(model, PLAIN);
  const { memoHits, localStates, asked } = new BreadthFirst(remember(model), PLAIN).run();
  const locals = Object.entries(localStates).map(([machine, count]) => `${machine} ${whole(count)}`);
  console.log(`\n${name}: ${(memoHits * 100).toFixed(2)} % remembered, ${whole(asked)} asked`);
  console.log(`local states: ${locals.join(', ')}`);
  const lacks = spinLacks();
  const rows = [asking, remembering];
  let compiling = `no Spin: ${lacks}`;
  let promela: PromelaModel | null = null;
  if (lacks === null) {
    const { result, seconds } = timed(() => promelaOf(model));
    promela = result;
    const { row, compileSeconds } = await spins(promela);
    rows.push(row);
    const sum = seconds + compileSeconds + row.seconds;
    compiling = `Spin from our model to its end: export ${seconds.toFixed(1)} s, gcc ${compileSeconds.toFixed(1)} s, in all ${sum.toFixed(1)} s`;
  }
  print([...rows, naive(model), graph(model)]);
  console.log(compiling);
  await printVerdicts(model, promela);
}

/** Prints what the figures were measured on. */
export const printConditions = (): void =>
  console.log(`Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown processor'}, processor time`);
