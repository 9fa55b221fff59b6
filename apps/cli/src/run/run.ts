import {
  chart,
  loadStories,
  loadStory,
  parseSettings,
  runStory,
  SettingsError,
  type Story,
  StoryError,
  type StoryResult,
} from '@spapr-dma/system';
import type { Answer, Fault, Status } from '../answer.js';
import { CallError, mistakeText } from '../call-error.js';
import type { Host } from '../host.js';
import { list } from './list.js';
import type { RunCall } from './run-call.js';
import { runDocument } from './run-document.js';
import { leftOutText, outcomeText, storiesText } from './run-text.js';

/** What `ask` answers; where what it was asked for does not exist, that is the caller's mistake. */
function known<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof StoryError || error instanceof SettingsError)) throw error;
    throw new CallError(error.message, 'run');
  }
}

/** The stories of a call, each once; all there are where it names none. */
function storiesOf({ stories }: RunCall): readonly Story[] {
  if (stories.length > 0) return [...new Set(stories)].map((id) => loadStory(id));
  const all = loadStories();
  if (all.length > 0) return all;
  throw new StoryError('there are no stories beside this command; it plays those of its repository');
}

export function runStatus(results: readonly StoryResult[], error: Fault | null): Status {
  if (error !== null) return 2;
  return results.some(({ outcome }) => outcome === 'unexpected') ? 1 : 0;
}

/** A turn of the event loop, in which a key that was pressed is noticed. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Plays the stories one after another, until the person asks to stop or a machine meets what it cannot. */
async function played(call: RunCall, host: Host) {
  const stories = known(() => storiesOf(call));
  const options = {
    ...(call.preset === null ? {} : { preset: call.preset }),
    set: known(() => parseSettings(call.set)),
  };
  const results: StoryResult[] = [];
  for (const [at, story] of stories.entries()) {
    host.progress.show(`${story.id} (${at + 1} of ${stories.length})`);
    await pause();
    if (host.interrupted.aborted) {
      return { results, error: { line: null, text: `interrupted before the story ${story.id}` } };
    }
    try {
      results.push(known(() => runStory(story, options)));
    } catch (error) {
      if (error instanceof CallError || results.length === 0) throw error;
      return {
        results,
        error: { line: null, text: `in the story ${story.id}, ${mistakeText(error)}` },
      };
    }
  }
  return { results, error: null };
}

const withNewline = (text: string) => (text.endsWith('\n') ? text : `${text}\n`);

/** Names of stories have neither a folder nor an ending. */
const isFile = (name: string): boolean => name === '-' || /[/\\.]/.test(name);

/** Why a call cannot play a file, as a sentence without its end; null where it can. */
function refusalOf({ stories, preset, set, compare }: RunCall): string | null {
  if (stories.length > 1) return 'a FILE is played alone';
  if (compare !== null) return '--compare does not go with a FILE';
  if (preset === null && set.length === 0) return null;
  return `--${preset === null ? 'set' : 'preset'} does not go with a FILE, which says what it is played with`;
}

/** The counterexample that is to be played; null where stories are. @throws CallError for a call that is neither */
function fileIn(call: RunCall): string | null {
  const file = call.stories.find(isFile) ?? null;
  const refusal =
    file === null ? (call.step ? '--step takes the FILE of a counterexample' : null) : refusalOf(call);
  if (refusal !== null) throw new CallError(`${refusal}; see spapr-dma run --help`, 'run');
  return file;
}

/** `spapr-dma run [STORY…]`: plays stories; a single one is shown message by message. */
export async function run(call: RunCall, host: Host): Promise<Answer> {
  if (call.list) return known(list);
  const file = fileIn(call);
  if (file !== null) return (await import('../played/play-file.js')).playFile(file, call, host);
  if (call.compare !== null) return (await import('./compare.js')).compare(call, call.compare, host);
  if (call.chart !== null && call.stories.length !== 1) {
    throw new CallError('--chart takes exactly one story; see spapr-dma run --help', 'run');
  }
  if (call.all && call.stories.length !== 1) {
    throw new CallError('--all takes exactly one story; see spapr-dma run --help', 'run');
  }
  const { results, error } = await played(call, host);
  const [only] = results;
  const textOf = () => {
    if (only === undefined) return '';
    if (call.stories.length !== 1) return storiesText(results, host.paint);
    const { all } = call;
    if (call.chart !== null) return withNewline(chart(only, call.chart, { all }));
    const drawn = withNewline(chart(only, 'terminal', { all }));
    return `${drawn}${all ? '' : leftOutText(only)}\n${outcomeText(only, host.paint)}`;
  };
  return {
    status: runStatus(results, error),
    document: runDocument(results, error),
    text: textOf,
  };
}
