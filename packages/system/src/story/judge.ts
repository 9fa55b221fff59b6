import type { Settings } from '../settings.js';
import type { HostAtEnd } from './host-at-end.js';
import type { PropertyResult, StoryMessage, WindowAtEnd } from './result.js';
import { type Expectation, isMet, type Story } from './story.js';

/** What a run came to, as far as a story can say something about it. */
export interface Ending {
  readonly messages: readonly StoryMessage[];
  readonly reports: readonly string[];
  readonly windows: readonly WindowAtEnd[];
  readonly host: HostAtEnd | null;
  readonly aborted: string | null;
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** One window in a line. */
export const windowText = ({ participant, liobn, start, pageShift, entries, mapped }: WindowAtEnd): string =>
  `${participant} LIOBN ${hex(liobn)} at ${hex(start)}: ${entries} entries of 2^${pageShift} bytes, ${mapped} mapped`;

/** The expectations that count with these settings: none where the story makes no sense with them. */
export const expectationsOf = ({ needs, holds }: Story, settings: Settings): readonly Expectation[] =>
  isMet(needs, settings) ? holds.filter(({ when }) => isMet(when, settings)) : [];

/** The properties that a story expects to be violated with these settings. */
export const expectedViolations = (story: Story, settings: Settings): ReadonlySet<string> =>
  new Set(expectationsOf(story, settings).flatMap(({ violated }) => violated));

function windowMistakes({ windows }: Expectation, { windows: found }: Ending): readonly string[] {
  if (windows === null) return [];
  const expected = windows.map((window) =>
    windowText({ ...window, participant: window.participant ?? 'qemu-spapr', liobn: Number(window.liobn) }),
  );
  const actual = found.map(windowText);
  return [
    ...expected.filter((text) => !actual.includes(text)).map((text) => `Missing at the end: ${text}.`),
    ...actual.filter((text) => !expected.includes(text)).map((text) => `Not expected at the end: ${text}.`),
  ];
}

/** What a value is said to be and is not: fields that are null or left out of `expected` do not count. */
function differences(place: string, expected: unknown, found: unknown): readonly string[] {
  if (expected === null) return [];
  if (Array.isArray(expected)) {
    const items = Array.isArray(found) ? found : [];
    const rest =
      items.length === expected.length ? [] : [`${place}: ${items.length} instead of ${expected.length}.`];
    return [...rest, ...expected.flatMap((each, at) => differences(`${place}[${at}]`, each, items[at]))];
  }
  if (typeof expected === 'object') {
    return Object.entries(expected as object).flatMap(([name, value]) =>
      differences(`${place}.${name}`, value, (found as Record<string, unknown> | undefined)?.[name]),
    );
  }
  const text = (value: unknown): string => (typeof value === 'bigint' ? hex(value) : String(value));
  return expected === found ? [] : [`${place} is ${text(found)} instead of ${text(expected)}.`];
}

/** Groups are named, so that those that a story says nothing of may be anything. */
function hostMistakes({ host }: Expectation, { host: found }: Ending): readonly string[] {
  if (host === null) return [];
  const { groups, ...figures } = host;
  return [
    ...differences('At the end the host', figures, found),
    ...groups.flatMap((group) =>
      differences(
        `At the end group ${group.group}`,
        group,
        found?.groups.find((each) => each.group === group.group),
      ),
    ),
  ];
}

/** Reports in order, others between them. */
function reportMistakes({ reports }: Expectation, { reports: found }: Ending): readonly string[] {
  let from = 0;
  for (const report of reports) {
    const place = found.findIndex((text, index) => index >= from && text.startsWith(report));
    if (place === -1) return [`Never reported, or not in this place: '${report}'.`];
    from = place + 1;
  }
  return [];
}

function metMistakes({ met }: Expectation, { messages }: Ending): readonly string[] {
  return met.flatMap(({ type, to, text, times }) => {
    const found = messages.filter(
      (message) =>
        message.type === type &&
        (to === null || message.to === to) &&
        (text === null || message.text.includes(text)),
    ).length;
    const what = `${type}${text === null ? '' : ` with '${text}'`}${to === null ? '' : ` at ${to}`}`;
    if (times !== null && found !== times) return [`${what} arrived ${found} times instead of ${times}.`];
    return times === null && found === 0 ? [`The story never reached ${what}.`] : [];
  });
}

function abortMistakes(blocks: readonly Expectation[], { aborted }: Ending): readonly string[] {
  const expected = blocks.some(({ aborts }) => aborts);
  if (expected === (aborted !== null)) return [];
  return [expected ? 'QEMU was expected to be gone, and is not.' : `QEMU is gone: ${aborted}.`];
}

const propertyMistakes = (properties: readonly PropertyResult[]): readonly string[] =>
  properties
    .filter(({ holds, expected }) => holds !== expected)
    .map(({ name, holds, text }) => (holds ? `${name} holds, and was expected not to.` : `${name}: ${text}`));

/** Everything that is not as the story says, one sentence each. */
export function mistakesOf(
  story: Story,
  settings: Settings,
  ending: Ending,
  properties: readonly PropertyResult[],
): readonly string[] {
  const blocks = expectationsOf(story, settings);
  return [
    ...blocks.flatMap((block) => [
      ...windowMistakes(block, ending),
      ...hostMistakes(block, ending),
      ...reportMistakes(block, ending),
      ...metMistakes(block, ending),
    ]),
    ...abortMistakes(blocks, ending),
    ...propertyMistakes(properties),
  ];
}
