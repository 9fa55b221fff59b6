import type { ChartItem } from './chart-item.js';

/** Something to show: two of the same key are alike. */
export interface Token {
  readonly key: string;
  readonly item: ChartItem;
  /** Messages that it stands for. */
  readonly messages: number;
}

/** Repetitions from which on only the first and the last are shown. */
const REPETITIONS_MIN = 4;
/** The longest sequence that is looked for as a repetition: an entry's way through all machines of the host. */
const PERIOD_MAX = 12;

/** How often the `period` tokens from `start` on come again, themselves included. */
function repetitions(tokens: readonly Token[], start: number, period: number): number {
  let next = start + period;
  while (next < tokens.length && tokens[next]!.key === tokens[next - period]!.key) next += 1;
  return Math.floor((next - start) / period);
}

/** The repetition from `start` on that covers most; of those that cover as much, the shortest sequence. */
function longestRepetition(
  tokens: readonly Token[],
  start: number,
): readonly [times: number, period: number] {
  let best: readonly [times: number, period: number] = [1, 1];
  for (let period = 1; period <= PERIOD_MAX; period += 1) {
    const times = repetitions(tokens, start, period);
    if (times >= REPETITIONS_MIN && times * period > best[0] * best[1]) best = [times, period];
  }
  return best;
}

/** The first and the last of many repetitions, and between them how many were left out. */
export function folded(tokens: readonly Token[]): readonly Token[] {
  const shown: Token[] = [];
  for (let place = 0; place < tokens.length; ) {
    const [times, period] = longestRepetition(tokens, place);
    if (times < REPETITIONS_MIN) {
      shown.push(tokens[place]!);
      place += 1;
      continue;
    }
    const end = place + times * period;
    const messages = tokens
      .slice(place + period, end - period)
      .reduce((sum, token) => sum + token.messages, 0);
    shown.push(...tokens.slice(place, place + period));
    const item = { kind: 'left-out', times: times - 2, messages } as const;
    shown.push({ key: `left out ${item.times}`, item, messages });
    shown.push(...tokens.slice(end - period, end));
    place = end;
  }
  return shown;
}
