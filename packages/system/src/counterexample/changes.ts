import { forEachDifferentRun, forEachRun, type TceTable } from '@spapr-dma/tce-table';
import type { AnyMachineSnapshot } from 'xstate';
import { GUEST_NAMES } from './names/guest-names.js';
import { KVM_NAMES } from './names/kvm-names.js';
import { POWERNV_NAMES } from './names/powernv-names.js';
import { QEMU_NAMES } from './names/qemu-names.js';
import { VFIO_NAMES } from './names/vfio-names.js';
import { type FieldNaming, type ItemNaming, type Naming, plainWords, spaced } from './naming.js';

/** By the machines' ids. */
const NAMINGS: Readonly<Record<string, Naming>> = {
  'guest-kernel': GUEST_NAMES,
  'qemu-spapr': QEMU_NAMES,
  kvm: KVM_NAMES,
  'vfio-host': VFIO_NAMES,
  'powernv-ioda2': POWERNV_NAMES,
};

/** Collects what two versions of a state have different, in the order of the state. */
type Tell = (text: string) => void;

export const isTceTable = (value: unknown): value is TceTable =>
  typeof value === 'object' && value !== null && 'entries' in value && 'root' in value && 'height' in value;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

const tceOf = (high: number, low: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

const rangeText = (first: number, count: number): string =>
  count === 1 ? `entry ${first}` : `entries ${first} to ${first + count - 1}`;

function tellTable(title: string, before: TceTable, after: TceTable, naming: FieldNaming, tell: Tell): void {
  const words = naming.entry ?? ((tce: bigint) => (tce === 0n ? 'empty' : plainWords(tce)));
  if (before.entries !== after.entries) {
    tell(`${title}: ${before.entries} → ${after.entries} entries`);
    return;
  }
  forEachDifferentRun(before, after, (first, count, highBefore, lowBefore, highAfter, lowAfter) => {
    const [old, now] = [words(tceOf(highBefore, lowBefore)), words(tceOf(highAfter, lowAfter))];
    if (old !== now) tell(joined(title, `${rangeText(first, count)}: ${old} → ${now}`));
  });
}

/** A list whose items are known by a key: which came, which went, and what became of the others. */
function tellItems(
  title: string,
  before: readonly unknown[],
  after: readonly unknown[],
  naming: ItemNaming,
  tell: Tell,
): void {
  const keyed = (list: readonly unknown[]) =>
    new Map(list.map((item, index) => [naming.key(item, index), { item, index }] as const));
  const [old, now] = [keyed(before), keyed(after)];
  for (const [key, { item, index }] of old) {
    if (!now.has(key)) tell(`${joined(title, naming.called(item, index))}: gone`);
  }
  for (const [key, { item, index }] of now) {
    const was = old.get(key);
    const name = joined(title, naming.called(item, index));
    if (was === undefined) {
      const about = naming.about?.(item) ?? '';
      tell(`${name}: new${about === '' ? '' : `, ${about}`}`);
    } else tellValue(name, was.item, item, naming, tell);
  }
}

function tellValue(title: string, before: unknown, after: unknown, naming: FieldNaming, tell: Tell): void {
  if (before === after) return;
  if (naming.words !== undefined) {
    const [old, now] = [naming.words(before), naming.words(after)];
    if (old !== now) tell(`${title}: ${old} → ${now}`);
    return;
  }
  if (isTceTable(before) && isTceTable(after)) {
    tellTable(title, before, after, naming, tell);
    return;
  }
  if (naming.items !== undefined && Array.isArray(before) && Array.isArray(after)) {
    tellItems(title, before, after, naming.items, tell);
    return;
  }
  if (before === undefined || after === undefined) {
    tell(`${title}: ${before === undefined ? 'new' : 'gone'}`);
    return;
  }
  if (isRecord(before) && isRecord(after)) {
    tellFields(title, before, after, naming, tell);
    return;
  }
  const words = (value: unknown): string =>
    value === null || naming.about === undefined ? plainWords(value) : naming.about(value);
  const [old, now] = [words(before), words(after)];
  if (old !== now) tell(`${title}: ${old} → ${now}`);
}

function tellFields(
  title: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  { skipped = [], fields = {}, others = () => ({}) }: Naming,
  tell: Tell,
): void {
  const isOther = before.mode !== after.mode;
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    // What has another mode has other fields, of which its mode tells enough.
    if (skipped.includes(name) || (isOther && !(name in before && name in after))) continue;
    const field = fields[name] ?? others(name);
    tellValue(joined(title, field.title ?? spaced(name)), before[name], after[name], field, tell);
  }
}

/** Where QEMU is: running, paused, aborted, … Threads have a place each, of which the messages tell. */
const modeOf = ({ value, machine }: AnyMachineSnapshot): string | null =>
  machine.id !== 'qemu-spapr' ? null : typeof value === 'string' ? value : (Object.keys(value)[0] ?? null);

/**
 * What became different in a machine, one short text each, in words of its sources. Where its threads stand is left
 * out, since the messages tell.
 */
export function changesOf(before: AnyMachineSnapshot, after: AnyMachineSnapshot): readonly string[] {
  const told: string[] = [];
  const naming = NAMINGS[after.machine.id] ?? {};
  const [old, now] = [modeOf(before), modeOf(after)];
  if (old !== now) told.push(`QEMU: ${old} → ${now}`);
  tellFields('', before.context as never, after.context as never, naming, (text) => told.push(text));
  return told;
}

/** A context as data that anyone can print: without what never changes, and TCE tables as their runs. */
export function plainContext(context: Readonly<Record<string, unknown>>): unknown {
  const { config: _config, ...state } = context;
  return withRuns(state);
}

function withRuns(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withRuns);
  if (!isRecord(value)) return value;
  if (isTceTable(value)) {
    const runs: { first: number; count: number; tce: bigint }[] = [];
    forEachRun(value, (first, count, high, low) => runs.push({ first, count, tce: tceOf(high, low) }));
    return { entries: value.entries, runs };
  }
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withRuns(part)]));
}
