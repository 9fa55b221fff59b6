import type { Cost, CostOperation } from '@spapr-dma/protocol';
import type { Moved } from './choices.js';
import { isGuestsCall } from './properties/property.js';

/**
 * What one operation costs in the modelled machine, in nanoseconds, and where that comes from. The figures are for
 * comparing, not for predicting. Whoever compares with a measured machine looks at ratios: in the recordings, under
 * TCG, a replay took 62 to 76 ns for an entry that it looked at and 5 to 7 µs for one that it mapped, about 1 : 70.
 * With these figures it is about 1 : 45: a system call, the entry in the hardware table, and the kill.
 */
const COSTS = {
  /** The guest leaves for QEMU, and comes back. */
  exitToQemu: [10_000, 'proposed in spec 70, L-2'],
  /** A replay looks at one entry. */
  replay: [80, 'proposed in spec 70, L-2; 62 to 76 in the full-stack recordings, under TCG'],
  'table-write': [14, 'measured: 512 entries every 7 µs'],
  /** The first look at a page of a view brings it in. */
  'view-fault': [1_000, 'proposed in spec 70, L-2'],
  clear: [180, 'proposed in spec 70, L-2: 3 minutes for 10^9 entries'],
  /** What an H_PUT_TCE in KVM takes, of which it is the largest part. */
  map: [500, 'proposed in spec 70, L-2'],
  pin: [1_000, 'a guess of the order of magnitude'],
  kill: [1_000, 'a guess of the order of magnitude'],
  'table-page': [5_000, 'a guess of the order of magnitude'],
  ioctl: [2_000, 'proposed in spec 70, L-2'],
} as const satisfies Readonly<Record<CostOperation | 'exitToQemu', readonly [number, string]>>;

/** Nanoseconds of each operation. */
export type UnitCosts = Readonly<Record<CostOperation | 'exitToQemu', number>>;

export const UNIT_COSTS: UnitCosts = Object.fromEntries(
  Object.entries(COSTS).map(([operation, [nanoseconds]]) => [operation, nanoseconds]),
) as UnitCosts;

/** What one operation costs, and why. */
export interface UnitCost {
  readonly operation: keyof UnitCosts;
  readonly nanoseconds: number;
  readonly source: string;
}

/** The unit costs in words; one that differs from ours is the caller's. */
export const listUnitCosts = (units: UnitCosts = UNIT_COSTS): readonly UnitCost[] =>
  (Object.keys(COSTS) as (keyof UnitCosts)[]).map((operation) => {
    const [nanoseconds, source] = COSTS[operation];
    const isOurs = units[operation] === nanoseconds;
    return { operation, nanoseconds: units[operation], source: isOurs ? source : 'given by the caller' };
  });

/** Nanoseconds of one cost that a machine reported. */
export const nanosecondsOf = (
  { operation, count }: Pick<Cost, 'operation' | 'count'>,
  units: UnitCosts = UNIT_COSTS,
): number => count * units[operation];

/** Nanoseconds of a whole step: an exit where a guest's call reached QEMU, and what the machine reported. */
export function costOf({ delivered, sent }: Moved, units: UnitCosts = UNIT_COSTS): number {
  const message = delivered?.message;
  const exits = message !== undefined && message.to === 'qemu-spapr' && isGuestsCall(message) ? 1 : 0;
  return sent.reduce(
    (sum, each) =>
      each.message.type === 'cost' ? sum + nanosecondsOf(each.message as unknown as Cost, units) : sum,
    exits * units.exitToQemu,
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
