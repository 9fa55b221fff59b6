import type { QemuAborted, Trace, TraceEvent } from '@spapr-dma/protocol';
import type { Routed } from '../channels.js';
import type { Moved, SystemState } from '../choices.js';
import { costOf } from '../costs.js';
import { messageText } from '../message-text.js';
import { ENVIRONMENT, type Participant } from '../participants.js';
import { settingsOf } from '../presets.js';
import { unwatched, type Watched, watched, watchedAtRest } from '../properties/watch.js';
import type { Settings } from '../settings.js';
import { SIZES, type Size } from '../sizes.js';
import { hostAtEnd } from './host-at-end.js';
import { expectedViolations, mistakesOf } from './judge.js';
import type { LoggedLine, PropertyResult, StoryMessage, StoryResult, StoryStep } from './result.js';
import { runScript } from './run-script.js';
import { participantsOf } from './setup.js';
import { isMet, type Story } from './story.js';
import { windowsOf } from './windows.js';

export interface RunOptions {
  /** Default: the story's first preset. */
  readonly preset?: string;
  /** Settings that differ from the preset's and the story's. */
  readonly set?: Settings;
  /** Default: the story's. What the story says of its end counts only in its own size. */
  readonly size?: Size;
  readonly onStep?: (step: StoryStep) => void;
}

/** Messages that are no part of the conversation: what QEMU logs, what the host ran, and what a step costs. */
const isAside = ({ message }: Routed): boolean =>
  ['trace', 'vfio-trace', 'effect', 'cost'].includes(message.type);

/** Calls of one component that the environment plays, or only overhears. */
const OVERHEARD = ['iommu-notify', 'hcall-return', 'rtas-return', 'hotplug-event'];

/** What the guest, the monitor and the host say to whoever runs the machine. */
const isReport = ({ message, to }: Routed): boolean =>
  to === ENVIRONMENT && !OVERHEARD.includes(message.type) && !('code' in message);

/** Puts a run down as it happens. */
export class Recorder {
  readonly messages: StoryMessage[] = [];
  readonly log: LoggedLine[] = [];
  readonly reports: string[] = [];
  aborted: string | null = null;
  time = 0;
  steps = 0;
  watched: readonly Watched[] = unwatched();
  readonly #onStep: RunOptions['onStep'];

  constructor(onStep: RunOptions['onStep']) {
    this.#onStep = onStep;
  }

  step(moved: Moved, before: SystemState): void {
    this.steps += 1;
    const cost = costOf(moved);
    const begun = this.time;
    this.time += cost;
    const delivered = moved.delivered === null ? null : this.#message(moved.delivered, begun);
    for (const each of moved.sent) {
      if (each.to === ENVIRONMENT && !isAside(each)) this.#message(each, this.time);
      if (isReport(each) && !isAside(each))
        this.reports.push(`${each.message.type} ${messageText(each.message)}`);
      if (each.message.type === 'qemu-aborted') {
        this.aborted = (each.message as unknown as QemuAborted).assertion;
      }
    }
    const trace = moved.sent
      .filter(({ message }) => message.type === 'trace')
      .map(({ from, message }) => ({ participant: from, line: (message as unknown as Trace).line }));
    this.log.push(...trace);
    this.watched = watched(this.watched, { before, moved, cost }, this.steps);
    const text = delivered === null ? routeText(moved) : `${delivered.to} gets ${delivered.type}`;
    this.#onStep?.({ n: this.steps, time: begun, text, delivered, trace });
  }

  /** A message arrives: from its channel, or with the step that sent it to the environment. */
  #message({ from, to, message }: Routed, time: number): StoryMessage {
    const noted: StoryMessage = {
      n: this.messages.length + 1,
      step: this.steps,
      time,
      // A thread that moves is told so by nobody; and where nobody plays a component, the environment does.
      from: message.type === 'step' ? to : from === ENVIRONMENT ? message.from : from,
      to: to === ENVIRONMENT ? message.to : to,
      thread: message.thread ?? null,
      type: message.type,
      text: messageText(message),
    };
    this.messages.push(noted);
    return noted;
  }
}

const routeText = ({ choice }: Moved): string =>
  choice.kind === 'reroute' ? `${choice.to} answers for ${choice.component}` : choice.kind;

function resultsOf(story: Story, settings: Settings, all: readonly Watched[]): readonly PropertyResult[] {
  const violations = expectedViolations(story, settings);
  return all.map(({ property: { name, title }, violated, reached }) => ({
    name,
    title,
    holds: violated === null,
    expected: !violations.has(name),
    firstStep: violated?.step ?? null,
    text: violated?.text ?? '',
    reached,
  }));
}

/**
 * Plays a story and holds it against what it says. The same story with the same options gives the same result.
 * @throws SettingsError for an unknown preset, setting or value
 */
export function runStory(story: Story, options: RunOptions = {}): StoryResult {
  const { preset = story.presets[0]!, size = story.size } = options;
  const settings = settingsOf(preset, { ...story.set, ...options.set });
  const participants = participantsOf(story.machine, settings, size);
  const recorder = new Recorder(options.onStep);
  const end = runScript(story, participants, settings, SIZES[size], (moved, before) => {
    recorder.step(moved, before);
  });
  const properties = resultsOf(story, settings, watchedAtRest(recorder.watched, end.state, recorder.steps));
  const { messages, log, time, reports, aborted, steps } = recorder;
  const windows = windowsOf(participants, end.state);
  const host = hostAtEnd(end.state);
  const applies = isMet(story.needs, settings);
  const judged =
    applies && size === story.size
      ? mistakesOf(story, settings, { messages, reports, windows, host, aborted }, properties)
      : [];
  const mistakes = applies ? [...end.mistakes, ...judged] : judged;
  return {
    name: story.id,
    title: story.title,
    preset,
    size,
    settings,
    steps,
    messages,
    log,
    time,
    properties,
    applies,
    outcome: mistakes.length === 0 ? 'as-expected' : 'unexpected',
    mistakes,
    windows,
    host,
    reports,
    aborted,
    participants: lanesOf(participants, messages),
  };
}

/** Who takes part: the environment, then the machines, and before them a component that it plays. */
export function lanesOf(
  participants: readonly Participant[],
  messages: readonly StoryMessage[],
): readonly string[] {
  const names = participants.map(({ name }) => name);
  const played = messages.flatMap(({ from, to }) => [from, to]).filter((name) => !names.includes(name));
  return [...new Set([ENVIRONMENT, ...played, ...names])];
}

/** The log that one QEMU wrote during a run: that of the machine named, or of the first. */
export const traceOf = ({ log }: StoryResult, participant = 'qemu-spapr'): readonly TraceEvent[] =>
  log.filter((each) => each.participant === participant).map(({ line }) => line);
