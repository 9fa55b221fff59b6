import type { Hcall, IommuNotify } from '@spapr-dma/protocol';
import type { EnabledTable } from '@spapr-dma/qemu-spapr';
import {
  arrivingCall,
  enabledTable,
  guestsQemu,
  hcallAnswer,
  hex,
  isInside,
  type ObservedStep,
  type Property,
  qemusOf,
  rangeOf,
} from './property.js';

/** A table whose view has another size than its window. */
function wrongSize(step: ObservedStep): string | null {
  for (const { name, qemu } of qemusOf(step.moved.state)) {
    for (const table of qemu.tables) {
      if (table.mode === 'enabled' && table.view.entries !== table.nbTable) {
        return `In ${name}, the table of LIOBN ${hex(table.liobn)} has room for ${table.view.entries} entries and is accessed as if it had ${table.nbTable}.`;
      }
    }
  }
  return null;
}

/** A call that was accepted though some of its entries lie outside. */
function outside(call: Hcall, table: EnabledTable): string | null {
  if (!('ioba' in call)) return null;
  const pages = 'npages' in call ? call.npages : 1n;
  const range = rangeOf(table, call.ioba, pages);
  if (isInside(range, table)) return null;
  return `${call.type} of ${pages} pages from ${hex(call.ioba)} in LIOBN ${hex(call.liobn)} succeeds, but the window has ${table.nbTable} entries from ${hex(table.busOffset)} on.`;
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

export const indexRange: Property<null> = {
  name: 'S-10',
  title: 'Every access to a TCE table lies inside the table.',
  sometimes: 'a call that reaches beyond its window is refused',
  initial: null,
  observe: (memory, step) => {
    const call = arrivingCall(step) as Hcall | undefined;
    const table =
      call !== undefined && 'liobn' in call ? enabledTable(guestsQemu(step.before), call.liobn) : undefined;
    const accepted = hcallAnswer(step)?.status === 'H_SUCCESS';
    const beyond = call !== undefined && table !== undefined ? outside(call, table) : null;
    return {
      memory,
      violation: wrongSize(step) ?? (accepted ? beyond : null) ?? strayNotify(step),
      reached: beyond !== null && !accepted,
    };
  },
};
