import { momentText } from '../costs.js';
import type { StoryMessage } from '../story/result.js';
import type { ChartItem } from './chart-item.js';
import type { Charted } from './charted.js';
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
export const accessesIn = ({ messages }: Pick<Charted, 'messages'>): number =>
  messages.filter(isAccess).length;

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

/** Something to show, with the step that it belongs to. */
interface Placed {
  readonly step: number;
  readonly token: Token;
}

const messagesOf = ({ messages }: Charted, all: boolean): readonly Placed[] =>
  messages
    .filter((message) => all || !isAccess(message))
    .map((message) => ({
      step: message.step,
      token: { key: likeness(message), item: { kind: 'message', message }, messages: 1 },
    }));

/** What was changed by the steps, also by those whose messages are not shown. */
const changesOf = ({ changes = [] }: Charted): readonly Placed[] =>
  changes.flatMap(({ step, participant, texts }) =>
    texts.map((text, index) => ({
      step,
      // Changes of one step are never alike, so that only whole steps are left out.
      token: {
        key: `change ${index} of ${participant}`,
        item: { kind: 'change', participant, text },
        messages: 0,
      },
    })),
  );

/** Violations by the step that did it first: no repetition goes across one, since none is like another. */
const violationsOf = ({ properties }: Charted): readonly Placed[] =>
  properties.flatMap(({ name, firstStep, text }, index) => {
    if (firstStep === null) return [];
    const item = { kind: 'violation', text: `${name}: ${text}` } as const;
    return [{ step: firstStep, token: { key: `violation ${index}`, item, messages: 0 } }];
  });

/** What can be shown, in order: of each step what was said, what it changed, and what it violated. */
const tokensOf = (charted: Charted, all: boolean): readonly Token[] =>
  [...messagesOf(charted, all), ...changesOf(charted), ...violationsOf(charted)]
    .sort((a, b) => a.step - b.step)
    .map(({ token }) => token);

/** A run's messages with long repetitions left out, and with the violations where they happened. */
export const chartItems = (result: Charted, { all = false }: ChartOptions = {}): readonly ChartItem[] =>
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

/** What stands in front of a message. */
export const clockText = ({ clock = 'time' }: Charted, { time, step }: StoryMessage): string =>
  clock === 'time' ? momentText(time) : String(step);

/** Whether a message answers one, and is drawn so. */
export const isReply = ({ type }: StoryMessage): boolean =>
  type.endsWith('-return') || type.endsWith('-done');
