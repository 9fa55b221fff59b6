import { GUEST_STALL_SECONDS } from '@spapr-dma/protocol';
import {
  comparedRuns,
  comparedValues,
  listUnitCosts,
  loadStories,
  loadStory,
  parseSettings,
  REPLAY_SWITCH,
  type ReplayRequest,
  replayCellCount,
  replayCells,
  SettingsError,
  type Story,
  StoryError,
  UNIT_COSTS,
  type UnitCosts,
} from '@spapr-dma/system';
import { type Answer, type Fault, unusable } from '../answer.js';
import { CallError } from '../call-error.js';
import type { Host } from '../host.js';
import type { CompareCall } from './compare-call.js';
import { type Comparison, compareDocument, notCompared } from './compare-document.js';
import { replayText } from './compare-replay-text.js';
import { runsText } from './compare-runs-text.js';
import type { RunCall } from './run-call.js';

/** What `ask` answers; where what it was asked for does not exist, that is the caller's mistake. */
function known<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof StoryError || error instanceof SettingsError)) throw error;
    throw new CallError(error.message, 'run');
  }
}

/** A turn of the event loop, in which a key that was pressed is noticed. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Takes what comes one by one, until the person asks to stop. */
async function gathered<T>(
  parts: Iterator<T>,
  count: number,
  host: Host,
  nameOf: (part: T) => string,
): Promise<{ readonly taken: readonly T[]; readonly error: Fault | null }> {
  const taken: T[] = [];
  for (;;) {
    await pause();
    if (host.interrupted.aborted) {
      return { taken, error: { line: null, text: `interrupted after ${taken.length} of ${count} runs` } };
    }
    const next = known(() => parts.next());
    if (next.done === true) return { taken, error: null };
    taken.push(next.value);
    host.progress.show(`${nameOf(next.value)} (${taken.length} of ${count})`);
  }
}

/** The unit costs with those that were given. */
function unitsOf(costs: readonly string[]): UnitCosts {
  const names = Object.keys(UNIT_COSTS);
  const given = costs.map((text) => {
    const [, name = '', nanoseconds] = /^([^=]+)=(\d{1,9}(?:\.\d{1,6})?)$/.exec(text) ?? [];
    if (nanoseconds === undefined)
      throw new CallError(`--cost '${text}' is not of the form operation=ns`, 'run');
    if (!names.includes(name)) {
      throw new CallError(
        `no operation of --cost is called '${name}'; there are: ${names.join(', ')}`,
        'run',
      );
    }
    return [name, Number(nanoseconds)] as const;
  });
  return { ...UNIT_COSTS, ...Object.fromEntries(given) };
}

async function comparedPolicies(call: RunCall, compare: CompareCall, host: Host): Promise<Answer> {
  const request: ReplayRequest = {
    preset: call.preset ?? 'newest',
    set: known(() => parseSettings(call.set)),
    entryShifts: compare.entryShifts,
    fills: compare.fills,
    ram: compare.ram,
    stallSeconds: compare.stallLimit ?? GUEST_STALL_SECONDS,
    units: unitsOf(compare.costs),
  };
  const { taken, error } = await gathered(
    replayCells(request),
    replayCellCount(request),
    host,
    ({ situation, entries, fill, value }) =>
      `${situation}, 2^${Math.log2(entries)} entries, ${fill}, ${value}`,
  );
  const comparison: Comparison = {
    switch: compare.name,
    values: comparedValues(compare.name),
    preset: request.preset,
    machine: {
      ram: Number(request.ram),
      pageShift: 16,
      stallSeconds: request.stallSeconds,
      unitCosts: listUnitCosts(request.units),
    },
    cells: taken,
    runs: [],
  };
  return {
    status: error === null ? 0 : 2,
    document: compareDocument(comparison, error),
    text: () => replayText(comparison, host.paint),
  };
}

async function comparedStories(call: RunCall, { name }: CompareCall, host: Host): Promise<Answer> {
  const stories: readonly Story[] = known(() =>
    call.stories.length > 0 ? [...new Set(call.stories)].map((id) => loadStory(id)) : loadStories(),
  );
  const values = comparedValues(name);
  const options = { preset: call.preset, set: known(() => parseSettings(call.set)) };
  const { taken, error } = await gathered(
    comparedRuns(name, stories, options),
    stories.length * values.length,
    host,
    ({ story, value }) => `${story}, ${name}=${value}`,
  );
  const comparison: Comparison = {
    switch: name,
    values,
    preset: call.preset,
    machine: null,
    cells: [],
    runs: taken,
  };
  return {
    status: error === null ? 0 : 2,
    document: compareDocument(comparison, error),
    text: () => runsText(comparison, host.paint),
  };
}

async function compared(call: RunCall, asked: CompareCall, host: Host): Promise<Answer> {
  known(() => comparedValues(asked.name));
  if (call.set.some((text) => text.startsWith(`${asked.name}=`))) {
    throw new CallError(`--set cannot set ${asked.name}, whose values are compared`, 'run');
  }
  return asked.name === REPLAY_SWITCH && call.stories.length === 0
    ? comparedPolicies(call, asked, host)
    : comparedStories(call, asked, host);
}

/** `spapr-dma run --compare NAME`: the values of a switch side by side. */
export async function compare(call: RunCall, asked: CompareCall, host: Host): Promise<Answer> {
  try {
    return await compared(call, asked, host);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return unusable(compareDocument(notCompared(call, asked), { line: null, text: error.message }));
  }
}
