import { ALLOCATION_STATES, INDICATORS, ISOLATION_STATES, tceIndex } from '@spapr-dma/protocol';
import { type EnabledTable, phbDrcIndex, RCU_THREAD, type SpaprTceTable } from '@spapr-dma/qemu-spapr';
import { defaultTableOf, withDefaultPlace } from './assume.js';
import { type Branch, qemuOf, stepBranch } from './branch.js';
import { setIndicatorCall } from './call-messages.js';
import { placesOf } from './default-window.js';
import { noDoubts, withPossibleStuff } from './doubts.js';
import { withDoubts } from './explain-call.js';
import type { Facts } from './facts.js';

/**
 * Steps that change windows and leave no line of their own. Each is declared here; they are tried, one at
 * a time, where a line cannot be explained without.
 */
export interface SilentStep {
  readonly name: string;
  /** Nothing happened to the machine: it is another one than was taken for granted. */
  readonly movesOnly: boolean;
  /** The branches after the step; none where it cannot have happened. */
  readonly apply: (branch: Branch, facts: Facts) => readonly Branch[];
}

/** The guest gives a PHB up, and QEMU removes it. */
export function unpluggedSilently(branch: Branch, index: number): Branch {
  const drc = phbDrcIndex(index);
  const asked = stepBranch(branch, {
    type: 'device_del',
    from: 'environment',
    to: 'qemu-spapr',
    target: { kind: 'phb', index },
  }).branch;
  const isolated = stepBranch(
    asked,
    setIndicatorCall(INDICATORS.ISOLATION_STATE, drc, ISOLATION_STATES.ISOLATED),
  ).branch;
  return stepBranch(isolated, setIndicatorCall(INDICATORS.ALLOCATION_STATE, drc, ALLOCATION_STATES.UNUSABLE))
    .branch;
}

/** The windows of a PHB that has gone are freed, some time after its connector's last line. */
const rcuFrees: SilentStep = {
  name: 'RCU frees an unplugged PHB',
  movesOnly: false,
  apply: (branch) => {
    if (!qemuOf(branch).phbs.some(({ mode }) => mode === 'dying')) return [];
    const { branch: freed } = stepBranch(branch, {
      type: 'step',
      from: 'environment',
      to: 'qemu-spapr',
      thread: RCU_THREAD,
    });
    return [freed];
  },
};

/** A PHB is unplugged in a log without the connectors' lines. PHB 0 belongs to the machine. */
const phbUnplugged: SilentStep = {
  name: 'a PHB is unplugged',
  movesOnly: false,
  apply: (branch, facts) => {
    if (facts.tracesDrc) return [];
    return qemuOf(branch)
      .phbs.filter(({ mode, properties }) => mode === 'present' && properties.index !== 0)
      .flatMap(({ properties }) => rcuFrees.apply(unpluggedSilently(branch, properties.index), facts));
  },
};

const isMappedVio = (table: SpaprTceTable): table is EnabledTable =>
  table.owner.kind === 'vio' && table.mode === 'enabled';

/**
 * Firmware has quiesced the VIO devices, in a log without their lines. Nobody knows when: what was written
 * before is gone, what was written since is there, so each entry is what it was or 0.
 */
const vioQuiesced: SilentStep = {
  name: 'quiesce',
  movesOnly: true,
  apply: (branch, facts) => {
    if (facts.tracesVio) return [];
    const tables = qemuOf(branch).tables.filter(isMappedVio);
    if (tables.length === 0) return [];
    return [
      tables.reduce((doubted, table) => withDoubts(doubted, table.liobn, zeroedOrNot(branch, table)), branch),
    ];
  },
};

const zeroedOrNot = (branch: Branch, table: EnabledTable) =>
  withPossibleStuff(
    branch.doubts.get(table.liobn) ?? noDoubts(table.nbTable),
    table,
    tceIndex(0),
    table.nbTable,
    0n,
  );

/** A default window lies elsewhere than was taken for granted. */
const defaultWindowElsewhere: SilentStep = {
  name: 'the default window lies elsewhere',
  movesOnly: true,
  apply: (branch, facts) =>
    qemuOf(branch).phbs.flatMap(({ properties: { index, dmaWinAddr, dmaWinSize } }) => {
      if (defaultTableOf(qemuOf(branch), index) === undefined) return [];
      return placesOf(facts.phbOf(index).window)
        .filter(({ start, bytes }) => start !== dmaWinAddr || bytes !== dmaWinSize)
        .map((place) => withDefaultPlace(branch, index, place));
    }),
};

/** In the order in which they are tried. */
export const SILENT_STEPS: readonly SilentStep[] = [
  rcuFrees,
  defaultWindowElsewhere,
  phbUnplugged,
  vioQuiesced,
];
