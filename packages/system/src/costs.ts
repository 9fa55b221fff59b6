import type { Cost } from '@spapr-dma/protocol';
import type { Moved } from './choices.js';

/**
 * What things cost in the modelled machine, in nanoseconds. The figures are proposals of spec 70 (L-2) but for
 * the table write, which was measured: 512 entries every 7 µs. They are for comparing, not for predicting.
 */
export const UNIT_COSTS = {
  /** The guest leaves for QEMU, and comes back. */
  exitToQemu: 10_000,
  /** A replay looks at one entry. */
  replayStep: 80,
  /** The first look at a page of the guest view brings it in. */
  pageFault: 1_000,
  entriesPerPage: 8_192,
  tableWrite: 14,
} as const;

/** Nanoseconds of one cost that QEMU reported. */
export function nanosecondsOf({ operation, count }: Pick<Cost, 'operation' | 'count'>): number {
  if (operation !== 'replay') return count * UNIT_COSTS.tableWrite;
  const faults = Math.ceil(count / UNIT_COSTS.entriesPerPage);
  return count * UNIT_COSTS.replayStep + faults * UNIT_COSTS.pageFault;
}

/** Nanoseconds of a whole step: an exit where a guest's call reached QEMU, and what QEMU reported. */
export function costOf({ delivered, sent }: Moved): number {
  const exits = delivered?.message.from === 'guest-kernel' && delivered.message.to === 'qemu-spapr' ? 1 : 0;
  return sent.reduce(
    (sum, { message }) => (message.type === 'cost' ? sum + nanosecondsOf(message as unknown as Cost) : sum),
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
