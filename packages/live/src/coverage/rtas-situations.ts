import { join32 } from '@spapr-dma/protocol';
import { type Phb, phbOfBuid, type QemuState, tableOf, windowsOfPhb } from '@spapr-dma/qemu-spapr';
import type { QemuAnswer, RtasMade } from '@spapr-dma/trace';
import { overlapOf } from '../generate/window-facts.js';
import type { Tally } from './tally.js';

export const RTAS_SITUATIONS = [
  'wrong number of arguments',
  'wrong number of return cells',
  'query of 5 outputs',
  'query of 6 outputs',
  'BUID of nothing',
  'BUID of a PHB without dynamic windows',
  'page size that is not offered',
  'page shift above 63',
  'window smaller than its page',
  'window shift above 63',
  'window without entries',
  'first window',
  'second window',
  'third window',
  'window that overlaps where it is made',
  'slot 1 taken while slot 0 is free',
  'window of as many entries as the default one, of other pages',
  'window removed while another one stays',
  'last window removed, default window restored',
  'last window removed, nothing restored',
  'removed without being there',
  'removed though it is of a VIO device',
  'removed though the PHB has no dynamic windows',
  'reset with two windows',
  'reset without a window',
  'bypass of a VIO device on',
  'bypass of a VIO device off',
  'bypass of something else',
  'connector that is not there',
  'connector in the wrong condition',
  'PHB given back',
] as const;
export type RtasSituation = (typeof RTAS_SITUATIONS)[number];

const DEFAULT_ENTRIES = 2 ** 18;

/** Numbers of arguments and return cells that are right. */
const CELLS: Readonly<Record<RtasMade['op'], readonly [nargs: number, ...nret: number[]]>> = {
  'ibm,query-pe-dma-window': [3, 5, 6],
  'ibm,create-pe-dma-window': [5, 4],
  'ibm,remove-pe-dma-window': [1, 1],
  'ibm,reset-pe-dma-window': [3, 1],
  'ibm,set-tce-bypass': [2, 1],
  quiesce: [0, 1],
  'set-indicator': [3, 1],
  'get-sensor-state': [2, 2],
  'ibm,configure-connector': [2, 1],
};

type Counted = Tally<RtasSituation>;

/** Counts what an RTAS call is about. */
export function countRtas(
  tally: Counted,
  call: RtasMade,
  before: QemuState,
  answer: QemuAnswer,
  after: QemuState,
): void {
  const [nargs, ...nrets] = CELLS[call.op];
  if (call.args.length !== nargs) tally.count('wrong number of arguments');
  if (!nrets.includes(call.nret)) tally.count('wrong number of return cells');
  if (call.args.length !== nargs || !nrets.includes(call.nret)) return;
  const [first = 0, second = 0] = call.args;
  const status = answer.kind === 'rtas' ? answer.rets[0] : undefined;
  switch (call.op) {
    case 'ibm,query-pe-dma-window':
      tally.count(call.nret === 5 ? 'query of 5 outputs' : 'query of 6 outputs');
      namedPhb(tally, call, before);
      return;
    case 'ibm,create-pe-dma-window':
      countCreate(tally, call, before, after);
      return;
    case 'ibm,remove-pe-dma-window':
      countRemove(tally, first, before, status);
      return;
    case 'ibm,reset-pe-dma-window': {
      const phb = namedPhb(tally, call, before);
      const windows = phb === undefined ? 1 : windowsOfPhb(before, phb.properties.index).length;
      if (windows === 2) tally.count('reset with two windows');
      if (windows === 0) tally.count('reset without a window');
      return;
    }
    case 'ibm,set-tce-bypass':
      if (status === 0)
        tally.count(second === 0 ? 'bypass of a VIO device off' : 'bypass of a VIO device on');
      else tally.count('bypass of something else');
      return;
    case 'set-indicator':
    case 'get-sensor-state':
    case 'ibm,configure-connector':
      countConnector(tally, call, before, status, after);
      return;
    default:
      return;
  }
}

function namedPhb(tally: Counted, { args }: RtasMade, before: QemuState): Phb | undefined {
  const [, high = 0, low = 0] = args;
  const phb = phbOfBuid(before, join32(high, low));
  if (phb === undefined) tally.count('BUID of nothing');
  else if (!phb.properties.ddw) tally.count('BUID of a PHB without dynamic windows');
  return phb?.properties.ddw ? phb : undefined;
}

function countCreate(tally: Counted, call: RtasMade, before: QemuState, after: QemuState): void {
  const phb = namedPhb(tally, call, before);
  if (phb === undefined) return;
  const [, , , pageShift = 0, windowShift = 0] = call.args;
  const { index, pgsz } = phb.properties;
  const isOffered = ((pgsz >> BigInt(pageShift & 63)) & 1n) === 1n;
  if (!isOffered) {
    tally.count('page size that is not offered');
    return;
  }
  if (windowShift < pageShift) {
    tally.count('window smaller than its page');
    return;
  }
  if (pageShift > 63) tally.count('page shift above 63');
  if (windowShift > 63) tally.count('window shift above 63');
  const windows = windowsOfPhb(before, index);
  if (windows.length === 2) {
    tally.count('third window');
    return;
  }
  if (((windowShift - pageShift) & 63) >= 32) tally.count('window without entries');
  tally.count(windows.length === 0 ? 'first window' : 'second window');
  const made = windowsOfPhb(after, index).find(({ liobn }) =>
    windows.every((other) => other.liobn !== liobn),
  );
  if (made === undefined) return;
  if (overlapOf(after, made) !== undefined) tally.count('window that overlaps where it is made');
  const isSlot1 = made.owner.kind === 'phb' && made.owner.slot === 1;
  if (isSlot1 && windows.length === 0) tally.count('slot 1 taken while slot 0 is free');
  if (!isSlot1 && made.nbTable === DEFAULT_ENTRIES && made.pageShift !== 12)
    tally.count('window of as many entries as the default one, of other pages');
}

function countRemove(tally: Counted, liobn: number, before: QemuState, status: number | undefined): void {
  const table = tableOf(before, BigInt(liobn));
  if (table?.mode !== 'enabled') {
    tally.count('removed without being there');
    return;
  }
  if (table.owner.kind === 'vio') {
    tally.count('removed though it is of a VIO device');
    return;
  }
  if (status === -3) {
    tally.count('removed though the PHB has no dynamic windows');
    return;
  }
  const { length } = windowsOfPhb(before, table.owner.index);
  if (length > 1) tally.count('window removed while another one stays');
  else if (table.defWin) tally.count('last window removed, nothing restored');
  else tally.count('last window removed, default window restored');
}

function countConnector(
  tally: Counted,
  { op, args }: RtasMade,
  before: QemuState,
  status: number | undefined,
  after: QemuState,
): void {
  const index = op === 'ibm,configure-connector' ? args[0] : args[1];
  const isThere = before.phbs.some(
    ({ drc, slots }) => drc.index === index || slots.some((slot) => slot.drc.index === index),
  );
  if (!isThere) tally.count('connector that is not there');
  else if (status !== 0) tally.count('connector in the wrong condition');
  const dying = (qemu: QemuState) => qemu.phbs.filter(({ mode }) => mode === 'dying').length;
  if (dying(after) > dying(before)) tally.count('PHB given back');
}
