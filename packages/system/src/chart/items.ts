import type { StoryMessage, StoryResult } from '../story/result.js';

/** One thing in a chart, in order. */
export type ChartItem =
  | { readonly kind: 'message'; readonly message: StoryMessage }
  /** `times` repetitions of the messages before it were left out. */
  | { readonly kind: 'left-out'; readonly times: number; readonly messages: number }
  | { readonly kind: 'violation'; readonly text: string };

/** Repetitions from which on only the first and the last are shown. */
const REPETITIONS_MIN = 4;
/** The longest sequence that is looked for as a repetition. */
const PERIOD_MAX = 4;

const isAnswer = (type: string): boolean => type === 'hcall-return' || type === 'rtas-return';

/** What makes two messages alike: all but the figures in a call; an answer must be the same. */
const likeness = (message: StoryMessage): string =>
  JSON.stringify([
    message.from,
    message.to,
    message.thread,
    message.type,
    isAnswer(message.type) ? message.text : '',
  ]);

/** How often the `period` messages from `start` on come again, themselves included. */
function repetitions(keys: readonly string[], start: number, period: number, end: number): number {
  let next = start + period;
  while (next < end && keys[next] === keys[next - period]) next += 1;
  return Math.floor((next - start) / period);
}

/** Messages after which something must be shown, so that no repetition goes across. */
function stopsOf(messages: readonly StoryMessage[], violations: readonly (readonly [number, string])[]) {
  const steps = new Set(violations.map(([step]) => step));
  return messages.flatMap(({ step }, index) =>
    steps.has(step) && messages[index + 1]?.step !== step ? [index + 1] : [],
  );
}

/** A run's messages with long repetitions left out, and with the violations where they happened. */
export function chartItems({ messages, properties }: StoryResult): readonly ChartItem[] {
  const violations = properties
    .filter(({ firstStep }) => firstStep !== null)
    .map(({ name, firstStep, text }) => [firstStep!, `${name}: ${text}`] as const);
  const stops = stopsOf(messages, violations);
  const keys = messages.map(likeness);
  const items: ChartItem[] = [];
  const show = (from: number, to: number): void => {
    for (const message of messages.slice(from, to)) items.push({ kind: 'message', message });
  };
  for (let place = 0; place < messages.length; ) {
    const end = stops.find((stop) => stop > place) ?? messages.length;
    const [times, period] = longestRepetition(keys, place, end);
    if (times < REPETITIONS_MIN) {
      show(place, place + 1);
      place += 1;
    } else {
      show(place, place + period);
      items.push({ kind: 'left-out', times: times - 2, messages: (times - 2) * period });
      place += times * period;
      show(place - period, place);
    }
    const last = messages[place - 1]!;
    if (messages[place]?.step === last.step) continue;
    for (const [step, text] of violations) if (step === last.step) items.push({ kind: 'violation', text });
  }
  return items;
}

/** The repetition from `start` on that covers most. */
function longestRepetition(keys: readonly string[], start: number, end: number): readonly [number, number] {
  let best: readonly [times: number, period: number] = [1, 1];
  for (let period = 1; period <= PERIOD_MAX; period += 1) {
    const times = repetitions(keys, start, period, end);
    if (times >= REPETITIONS_MIN && times * period > best[0] * best[1]) best = [times, period];
  }
  return best;
}

/** What was left out, in words. */
export const leftOutText = ({ times, messages }: { readonly times: number; readonly messages: number }) =>
  times === messages ? `${messages} more like this` : `${times} more like these, ${messages} messages`;

/** A message in a line: who waits for it, its name, and what it says. */
export const labelOf = ({ thread, type, text }: StoryMessage): string =>
  [thread, isAnswer(type) ? '' : type, text].filter((part) => part !== null && part !== '').join(' ');

/** Whether a message answers one, and is drawn so. */
export const isReply = ({ type }: StoryMessage): boolean =>
  isAnswer(type) || type === 'monitor-return' || type === 'dma-done';
