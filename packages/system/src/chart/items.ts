import type { StoryMessage, StoryResult } from '../story/result.js';
import type { ChartItem } from './chart-item.js';
import { folded, type Token } from './fold.js';

export interface ChartOptions {
  /** Shows every message, also by which the host's machines read and write what one of them holds. */
  readonly all?: boolean;
}

/** By which the machines of the host get at each other's tables, files and memory in the course of a call. */
const ACCESSES = [
  'table_group_read',
  'tce_xchg',
  'tce_kill',
  'userspace_slot_read',
  'userspace_slot_write',
  'vfio_file',
  'mm_iommu_lookup',
  'ua_to_hpa',
  'mapped_inc',
  'mapped_dec',
];
/** Their answers bear no name of their own: their text begins with the call. */
const ACCESS_ANSWERS = [
  'table-access-return',
  'memory-access-return',
  'vfio-file-return',
  'table-group-return',
];

const isAccess = ({ type, text }: StoryMessage): boolean =>
  ACCESSES.includes(type) ||
  (ACCESS_ANSWERS.includes(type) && ACCESSES.some((call) => text === call || text.startsWith(`${call} `)));

/** How many messages a chart does not show unless it is asked for all. */
export const accessesIn = ({ messages }: StoryResult): number => messages.filter(isAccess).length;

/** Answers of which what they say makes a difference. */
const TOLD_APART = ['hcall-return', 'rtas-return', 'vfio-return', 'kvm-return'];

/** What makes two messages alike: all but the figures in a call; an answer must be the same. */
const likeness = (message: StoryMessage): string =>
  JSON.stringify([
    message.from,
    message.to,
    message.thread,
    message.type,
    TOLD_APART.includes(message.type) ? message.text : '',
  ]);

/** Violations by the step that did it first, in order. */
const violationsOf = ({
  properties,
}: StoryResult): readonly { readonly step: number; readonly text: string }[] =>
  properties
    .flatMap(({ name, firstStep, text }) =>
      firstStep === null ? [] : [{ step: firstStep, text: `${name}: ${text}` }],
    )
    .sort((a, b) => a.step - b.step);

/** What can be shown, in order: no repetition goes across a violation, since none is like another. */
function tokensOf(result: StoryResult, all: boolean): readonly Token[] {
  const violations = violationsOf(result);
  const tokens: Token[] = [];
  let next = 0;
  const tell = (until: number): void => {
    for (; next < violations.length && violations[next]!.step < until; next += 1) {
      const { text } = violations[next]!;
      tokens.push({ key: `violation ${next}`, item: { kind: 'violation', text }, messages: 0 });
    }
  };
  for (const message of result.messages) {
    tell(message.step);
    if (all || !isAccess(message)) {
      tokens.push({ key: likeness(message), item: { kind: 'message', message }, messages: 1 });
    }
  }
  tell(Number.POSITIVE_INFINITY);
  return tokens;
}

/** A run's messages with long repetitions left out, and with the violations where they happened. */
export const chartItems = (result: StoryResult, { all = false }: ChartOptions = {}): readonly ChartItem[] =>
  // Once for what is repeated, and once for what repeats a repetition, such as hypercalls of 512 entries each.
  folded(folded(tokensOf(result, all))).map(({ item }) => item);

/** What was left out, in words. */
export const leftOutText = ({ times, messages }: { readonly times: number; readonly messages: number }) =>
  times === messages ? `${messages} more like this` : `${times} more like these, ${messages} messages`;

/** Answers whose text begins with the call that they answer. */
const NAMES_ITS_CALL = [...TOLD_APART, ...ACCESS_ANSWERS, 'view-return', 'host-return'];

/** A message in a line: who waits for it, its name, and what it says. */
export const labelOf = ({ thread, type, text }: StoryMessage): string =>
  [thread, NAMES_ITS_CALL.includes(type) ? '' : type, text]
    .filter((part) => part !== null && part !== '')
    .join(' ');

/** Whether a message answers one, and is drawn so. */
export const isReply = ({ type }: StoryMessage): boolean =>
  type.endsWith('-return') || type.endsWith('-done');
