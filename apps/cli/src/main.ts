import { type Answer, type Fault, unusable } from './answer.js';
import type { Call } from './call.js';
import { CallError, mistakeText } from './call-error.js';
import { uncaptured } from './capture/capture-document.js';
import { uncheckedDocument } from './check/unchecked.js';
import { unfollowed } from './follow/unfollowed.js';
import type { Host } from './host.js';
import { type KeySource, keysOf } from './keys.js';
import { notCompared } from './live/live-document.js';
import { Output, type Sink } from './output.js';
import { asksForJson, parseCall } from './parse.js';
import { progressOn } from './progress.js';
import { runDocument } from './run/run-document.js';
import { sizeDocument } from './size/size-document.js';
import { jsonText } from './text/json.js';
import { paintFor } from './text/paint.js';
import { excerpt } from './text/words.js';
import { notReplayed } from './vectors/not-replayed.js';
import type { Verb } from './verbs.js';

/** Where the command runs: the process, or a test. */
export interface Surroundings {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly stdin: KeySource;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls back when the person asks to stop. */
  readonly onInterrupt: (listener: () => void) => void;
}

const processSurroundings: Surroundings = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  // Once: who asks a second time is not kept waiting.
  onInterrupt: (listener) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, listener);
  },
};

/** The documents of verbs that did nothing. */
const blankDocuments: Readonly<Record<Verb, (error: Fault) => Answer['document']>> = {
  run: (error) => runDocument([], error),
  check: uncheckedDocument,
  follow: unfollowed,
  vectors: notReplayed,
  live: notCompared,
  capture: uncaptured,
  size: (error) => sizeDocument(null, error),
};

/** Each verb is loaded when it is called, so that help and complaints come at once. */
async function answerTo(call: Call, host: Host): Promise<Answer> {
  switch (call.verb) {
    case 'run':
      return (await import('./run/run.js')).run(call, host);
    case 'check':
      return (await import('./check/check.js')).check(call, host);
    case 'follow':
      return (await import('./follow/follow.js')).follow(call, host);
    case 'vectors':
      return (await import('./vectors/vectors.js')).vectors(call, host);
    case 'live':
      return (await import('./live/live.js')).live(call, host);
    case 'capture':
      return (await import('./capture/capture.js')).capture(call, host);
    case 'size':
      return (await import('./size/size.js')).size(call, host);
    case 'text':
      return { status: 0, document: { error: null }, text: () => call.text };
  }
}

/** The answer where something was thrown: the person's mistake in one sentence, or ours, called so. */
function answerToError(error: unknown, verb: Verb | null): Answer {
  const fault = { line: null, text: error instanceof CallError ? error.message : mistakeText(error) };
  return unusable(verb === null ? { error: fault } : blankDocuments[verb](fault));
}

/** The one sentence for a person. */
function sentence({ line, text }: Fault): string {
  const isPlaced = line === null || new RegExp(`\\b(?:line|record) ${line}\\b`).test(text);
  return `spapr-dma: ${isPlaced ? '' : `line ${line}: `}${excerpt(text, 1000).replace(/(?<![.!?])$/, '.')}\n`;
}

/** Carries out one call of the command, prints the answer, and returns its exit status. */
export async function main(args: readonly string[], surroundings = processSurroundings): Promise<number> {
  const { stdout, stderr, stdin, env, onInterrupt } = surroundings;
  const out = new Output(stdout);
  const err = new Output(stderr);
  const abort = new AbortController();
  onInterrupt(() => abort.abort());
  const progress = progressOn(err);

  let verb: Verb | null = null;
  let answer: Answer;
  try {
    const call = parseCall(args, stdout.columns ?? 100);
    if (call.verb !== 'text') verb = call.verb;
    const interrupted = abort.signal;
    const keys = asksForJson(args) ? null : keysOf(stdin, out, interrupted);
    answer = await answerTo(call, { progress, paint: paintFor(stdout, env), interrupted, keys });
  } catch (error) {
    const isTheirs = error instanceof CallError;
    if (!isTheirs && (env.SPAPR_DMA_STACK ?? '') !== '') err.write(`${(error as Error).stack}\n`);
    answer = answerToError(error, isTheirs ? (error.verb ?? verb) : verb);
  }
  progress.end();

  const isText = verb === null && answer.status === 0;
  out.write(asksForJson(args) && !isText ? jsonText(answer.document) : answer.text());
  await out.flushed();
  if (answer.document.error !== null) err.write(sentence(answer.document.error));
  await err.flushed();
  return answer.status;
}
