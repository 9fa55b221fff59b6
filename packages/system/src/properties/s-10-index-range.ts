import { type Effect, type IommuNotify, type TceHcall, tceCount } from '@spapr-dma/protocol';
import type { EnabledTable } from '@spapr-dma/qemu-spapr';
import type { SystemState } from '../choices.js';
import { flightAfter, type HcallInFlight, pagesOf } from './hcalls-in-flight.js';
import { kvmIn, powernvIn } from './host-state.js';
import {
  enabledTable,
  guestsQemu,
  hex,
  isInside,
  type ObservedStep,
  type Property,
  qemusOf,
  rangeOf,
} from './property.js';
import { viewOf } from './served-windows.js';

/** A table whose view has another size than its window. */
function wrongSize(step: ObservedStep): string | null {
  for (const { name, qemu } of qemusOf(step.moved.state)) {
    for (const table of qemu.tables) {
      if (table.mode !== 'enabled') continue;
      const { entries } = viewOf(step.moved.state, table);
      if (entries < table.nbTable) {
        return `In ${name}, the table of LIOBN ${hex(table.liobn)} has room for ${entries} entries and is accessed as if it had ${table.nbTable}.`;
      }
    }
  }
  return null;
}

/** Where a table's entries are on the bus. */
type Extent = Pick<EnabledTable, 'busOffset' | 'pageShift' | 'nbTable'>;

/** The table behind a LIOBN; below a VMM that is not QEMU, what KVM knows of it. */
function extentOf(state: SystemState, liobn: bigint): Extent | undefined {
  const qemu = guestsQemu(state);
  if (qemu !== undefined) return enabledTable(qemu, liobn);
  const view = kvmIn(state)?.tables.find((each) => each.mode === 'PRESENT' && BigInt(each.liobn) === liobn);
  if (view === undefined) return undefined;
  const { offset, pageShift, size } = view;
  return {
    busOffset: (offset << BigInt(pageShift)) as Extent['busOffset'],
    pageShift,
    nbTable: tceCount(size),
  };
}

/** A call some of whose entries lie outside of the window. */
function outside(call: TceHcall, table: Extent): string | null {
  const pages = pagesOf(call);
  if (isInside(rangeOf(table, call.ioba, pages), table)) return null;
  return `${call.type} of ${pages} pages from ${hex(call.ioba)} in LIOBN ${hex(call.liobn)} succeeds, but the window has ${table.nbTable} entries from ${hex(table.busOffset)} on.`;
}

/** Somebody in the host's kernel reads or writes beside a hardware table. */
function besideHardware({ before, moved }: ObservedStep): string | null {
  const [earlier, powernv] = [powernvIn(before), powernvIn(moved.state)];
  const happened = powernv?.accidents.outOfBounds === true && earlier?.accidents.outOfBounds === false;
  return happened
    ? `${moved.delivered?.message.type ?? 'A step'} reaches beyond the end of a hardware table.`
    : null;
}

/** KVM tells that it has written beside a table of its own or of the hardware. */
function besideKvms({ moved }: ObservedStep): string | null {
  for (const { message } of moved.sent) {
    if (message.type !== 'effect') continue;
    const { fn, args } = message as unknown as Effect;
    if (args.outOfBounds === true)
      return `${fn} writes entry ${args.index} of a table that does not have it.`;
  }
  return null;
}

/** A notifier that is told of an address outside every window of its PHB. */
function strayNotify(step: ObservedStep): string | null {
  const windows = guestsQemu(step.moved.state)?.tables ?? [];
  for (const { message } of step.moved.sent) {
    if (message.type !== 'iommu-notify') continue;
    const { phb, iova } = message as unknown as IommuNotify;
    const hit = windows.some(
      (table) =>
        table.mode === 'enabled' &&
        table.owner.kind === 'phb' &&
        table.owner.index === phb &&
        iova >> BigInt(table.pageShift & 63) < BigInt(table.nbTable),
    );
    if (!hit) return `A notifier of PHB ${phb} is told of ${hex(iova)}, which no window reaches.`;
  }
  return null;
}

export const indexRange: Property<readonly HcallInFlight[]> = {
  name: 'S-10',
  title: 'Every access to a TCE table lies inside the table.',
  sometimes: 'a call that reaches beyond its window is refused',
  reads: ['qemu-spapr', 'kvm', 'powernv-ioda2'],
  initial: [],
  observe: (before, step) => {
    const { inFlight, answered } = flightAfter(before, step, guestsQemu(step.before));
    let [violation, reached]: [string | null, boolean] = [wrongSize(step), false];
    for (const { call, answer } of answered) {
      const table = extentOf(step.before, call.liobn);
      const beyond = table === undefined ? null : outside(call, table);
      if (beyond === null) continue;
      if (answer.status === 'H_SUCCESS') violation ??= beyond;
      else reached = true;
    }
    return {
      memory: inFlight,
      violation: violation ?? besideHardware(step) ?? besideKvms(step) ?? strayNotify(step),
      reached,
    };
  },
};
