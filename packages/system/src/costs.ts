import type { Cost, CostOperation } from '@spapr-dma/protocol';
import type { Moved } from './choices.js';
import { isGuestsCall } from './properties/property.js';

/**
 * What one operation costs in the modelled machine, in nanoseconds. The figures are for comparing, not for
 * predicting. Replay, fault, clear, ioctl and exit are the proposals of spec 70 (L-2); the table write was measured:
 * 512 entries every 7 µs. A map is what an H_PUT_TCE in KVM takes, of which it is the largest part. Pins, kills
 * and pages of tables are guesses of their order of magnitude.
 */
export const UNIT_COSTS = {
  /** The guest leaves for QEMU, and comes back. */
  exitToQemu: 10_000,
  /** A replay looks at one entry. */
  replay: 80,
  'table-write': 14,
  /** The first look at a page of a view brings it in. */
  'view-fault': 1_000,
  /** As 3 minutes for 10^9 entries. */
  clear: 180,
  map: 500,
  pin: 1_000,
  kill: 1_000,
  'table-page': 5_000,
  ioctl: 2_000,
} as const satisfies Readonly<Record<CostOperation | 'exitToQemu', number>>;

/** Nanoseconds of one cost that a machine reported. */
export const nanosecondsOf = ({ operation, count }: Pick<Cost, 'operation' | 'count'>): number =>
  count * UNIT_COSTS[operation];

/** Nanoseconds of a whole step: an exit where a guest's call reached QEMU, and what the machine reported. */
export function costOf({ delivered, sent }: Moved): number {
  const message = delivered?.message;
  const exits = message !== undefined && message.to === 'qemu-spapr' && isGuestsCall(message) ? 1 : 0;
  return sent.reduce(
    (sum, each) =>
      each.message.type === 'cost' ? sum + nanosecondsOf(each.message as unknown as Cost) : sum,
    exits * UNIT_COSTS.exitToQemu,
  );
}

/** A duration for people: `10.0 µs`, `172 s`. */
export function durationText(nanoseconds: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
  ];
  const [scale, unit] = units.find(([size]) => nanoseconds >= size) ?? [1, 'ns'];
  const value = nanoseconds / scale;
  return `${value < 100 && scale > 1 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** A moment of a run, in microseconds, so that neighbours can be told apart. */
export const momentText = (nanoseconds: number): string => `${(nanoseconds / 1e3).toFixed(1)} µs`;
