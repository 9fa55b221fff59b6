import type { Component } from '@spapr-dma/protocol';
import { threadId } from '@spapr-dma/protocol';
import type { Choice } from '../choices.js';
import type { AnyMessage } from '../participants.js';
import { at, mistake, type Place, readFields, text } from '../story/fields.js';

/**
 * A value as JSON has it: 64-bit values as `"0x…"`. A text that would read as one, or that begins with an
 * apostrophe, gets an apostrophe in front.
 */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint')
    return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
  if (typeof value === 'string') return NUMBER.test(value) || value.startsWith("'") ? `'${value}` : value;
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(fields.map(([name, part]) => [name, toJson(part)]));
}

const NUMBER = /^-?0x[0-9a-f]{1,32}$/;
/** No message is nested as deep. */
const DEPTH_MAX = 32;

/** The value that `toJson` was given. @throws StoryError for one that it does not write */
export function fromJson(value: unknown, place: Place, depth = 0): unknown {
  if (depth > DEPTH_MAX) mistake(place, 'is nested too deep');
  if (typeof value === 'string') {
    if (value.startsWith("'")) return value.slice(1);
    if (!NUMBER.test(value)) return value;
    return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  }
  if (Array.isArray(value)) return value.map((each, index) => fromJson(each, at(place, index), depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, fromJson(part, at(place, name), depth + 1)]),
  );
}

/** A choice as JSON has it; the fields of a message are those of `toJson`. */
export const choiceToJson = (choice: Choice): unknown =>
  choice.kind === 'offer' ? { ...choice, message: toJson(choice.message) } : choice;

function messageOf(value: unknown, place: Place): AnyMessage {
  const message = fromJson(value, place) as Readonly<Record<string, unknown>>;
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    mistake(place, 'must be a message');
  }
  for (const name of ['type', 'from', 'to']) text.read(message[name], at(place, name));
  if (message.thread !== undefined) text.read(message.thread, at(place, 'thread'));
  return message as unknown as AnyMessage;
}

/** @throws StoryError for what is no choice */
export function readChoice(value: unknown, place: Place): Choice {
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  switch (kind) {
    case 'deliver': {
      const { from, to, thread } = readFields(DELIVER, value, place);
      return thread === undefined
        ? { kind, from, to }
        : { kind, from, to, thread: threadId(text.read(thread, at(place, 'thread'))) };
    }
    case 'step': {
      const { to, thread } = readFields(STEP, value, place);
      return { kind, to, thread: threadId(thread) };
    }
    case 'offer': {
      const { to, message } = readFields(OFFER, value, place);
      return { kind, to, message: messageOf(message, at(place, 'message')) };
    }
    case 'reroute': {
      const { to, component } = readFields(REROUTE, value, place);
      return { kind, to, component: component as Component };
    }
    default:
      return mistake(at(place, 'kind'), "must be one of 'deliver', 'step', 'offer', 'reroute'");
  }
}

const KIND = text;
/** Anything, which somebody else reads. */
const anything = { read: (value: unknown) => value, schema: {} } as const;
const DELIVER = { kind: KIND, from: text, to: text, thread: { ...anything, optional: true } } as const;
const STEP = { kind: KIND, to: text, thread: text } as const;
const OFFER = { kind: KIND, to: text, message: anything } as const;
const REROUTE = { kind: KIND, component: text, to: text } as const;
