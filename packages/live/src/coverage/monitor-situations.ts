import { type Phb, phbOfIndex, type QemuState, tablesOfPhb } from '@spapr-dma/qemu-spapr';
import type { MonitorMade, QemuAnswer } from '@spapr-dma/trace';
import { isMoved } from '../generate/window-facts.js';
import type { Tally } from './tally.js';

export const MONITOR_SITUATIONS = [
  'machine reset with two windows',
  'machine reset with a stuck slot',
  'migration with a dynamic window',
  'migration that frees a stuck slot',
  'migration that moves a window for hypercalls only',
  'migration with a PHB that was plugged',
  'migration that the second QEMU refuses',
  'PHB plugged',
  'PHB plugged that is there',
  'PHB asked back',
  'PHB asked back with a device behind it',
  'PCI device plugged',
  'PCI device asked back',
] as const;
export type MonitorSituation = (typeof MONITOR_SITUATIONS)[number];

type Counted = Tally<MonitorSituation>;

/** Counts what a command at the monitor meets. */
export function countMonitor(
  tally: Counted,
  call: MonitorMade,
  before: QemuState,
  answer: QemuAnswer,
  after: QemuState,
): void {
  const isDone = answer.kind === 'monitor' && answer.error === null;
  const tables = before.phbs.map(({ properties }) => tablesOfPhb(before, properties.index));
  const isStuck = before.tables.some(({ mode }) => mode === 'stuck');
  switch (call.op) {
    case 'system_reset':
      if (tables.some((slots) => slots.length === 2 && slots.every(({ mode }) => mode === 'enabled')))
        tally.count('machine reset with two windows');
      if (isStuck) tally.count('machine reset with a stuck slot');
      return;
    case 'migrate':
      if (isDone) countMigration(tally, before, after);
      else tally.count('migration that the second QEMU refuses');
      return;
    case 'device_add':
      if (call.device.driver === 'pci') {
        if (isDone) tally.count('PCI device plugged');
        return;
      }
      countPlug(tally, phbOfIndex(before, call.device.index)?.mode, isDone);
      return;
    case 'device_del':
      if (call.target.kind === 'phb') countUnplug(tally, before, call.target.index, isDone);
      else if (isDone) tally.count('PCI device asked back');
      return;
    default:
      return;
  }
}

function countPlug(tally: Counted, other: Phb['mode'] | undefined, isDone: boolean): void {
  if (other === 'present') tally.count('PHB plugged that is there');
  else if (isDone) tally.count('PHB plugged');
}

function countUnplug(tally: Counted, before: QemuState, index: number, isDone: boolean): void {
  if (isDone) tally.count('PHB asked back');
  if (before.devices.some(({ phb }) => phb === index)) tally.count('PHB asked back with a device behind it');
}

function countMigration(tally: Counted, before: QemuState, after: QemuState): void {
  const isDynamic = before.tables.some(
    (table) => table.mode === 'enabled' && table.owner.kind === 'phb' && table.owner.slot === 1,
  );
  if (isDynamic) tally.count('migration with a dynamic window');
  const stuck = (qemu: QemuState) => qemu.tables.filter(({ mode }) => mode === 'stuck').length;
  if (stuck(after) < stuck(before)) tally.count('migration that frees a stuck slot');
  const moved = (qemu: QemuState) =>
    qemu.tables.filter((table) => table.mode === 'enabled' && isMoved(table)).length;
  if (moved(after) > moved(before)) tally.count('migration that moves a window for hypercalls only');
  const isPlugged = before.phbs.some(
    ({ mode, properties }) => mode === 'present' && isHot(before, properties.index),
  );
  if (isPlugged) tally.count('migration with a PHB that was plugged');
}

/** PHBs of the start have a device behind them, unless it was taken back. */
const isHot = ({ devices }: QemuState, index: number): boolean => devices.every(({ phb }) => phb !== index);
