import { differenceIn, isBacked } from './entry-agreement.js';
import { guestMemoryIn } from './guest-memory.js';
import { flightAfter, type HcallInFlight, pagesOf, writtenBy } from './hcalls-in-flight.js';
import { vfioIn } from './host-state.js';
import { enabledTable, guestsQemu, isInside, type Property, rangeOf } from './property.js';
import { servedWindows } from './served-windows.js';
import { firstOf } from './when-quiet.js';

export const errorTransparency: Property<readonly HcallInFlight[]> = {
  name: 'S-19',
  title:
    'A hypercall that succeeds has its effect in the hardware too; where that cannot be, the guest is told.',
  sometimes: 'a hypercall on a window that hardware serves succeeds',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  initial: [],
  observe: (before, step) => {
    const { state } = step.moved;
    if (vfioIn(state) === undefined) return { memory: before, violation: null, reached: false };
    const qemu = guestsQemu(state);
    const { inFlight, answered } = flightAfter(before, step, qemu);
    let [violation, reached]: [string | null, boolean] = [null, false];
    for (const { call, answer, meddled } of answered) {
      const table = enabledTable(qemu, call.liobn);
      if (answer.status !== 'H_SUCCESS' || meddled || table === undefined || writtenBy(call) === null)
        continue;
      // A replay that is under way may not have come to the entry yet.
      if (qemu?.task !== null) continue;
      const { first, count } = rangeOf(table, call.ioba, pagesOf(call));
      const windows = servedWindows(state)
        .filter((window) => window.table === table)
        .filter(isBacked);
      if (windows.length === 0 || !isInside({ first, count }, table)) continue;
      const memory = guestMemoryIn(state);
      const text = firstOf(windows, (window) => differenceIn(memory, window, Number(first), Number(count)));
      violation ??= text === null ? null : `${call.type} returned H_SUCCESS. ${text}`;
      reached = true;
    }
    return { memory: inFlight, violation, reached };
  },
};
