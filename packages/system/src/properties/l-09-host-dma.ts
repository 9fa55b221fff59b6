import { deviceOf, groupOf, liveTableOf, type PowernvState, peOfDevice } from '@spapr-dma/powernv-ioda2';
import type { HostDmaMap, HostReturn } from '@spapr-dma/protocol';
import { tceIndex } from '@spapr-dma/protocol';
import { tceAt } from '@spapr-dma/tce-table';
import { powernvIn } from './host-state.js';
import { hex, type ObservedStep, type Property } from './property.js';

/** Groups that VFIO has had. */
type Returned = readonly number[];

/** A call of the host's DMA API for a device that goes through a table, and its answer. */
function mappedIn({ moved: { delivered, sent } }: ObservedStep): readonly [HostDmaMap, HostReturn] | null {
  if (delivered?.message.type !== 'dma_map') return null;
  const answer = sent.find(({ message }) => message.type === 'host-return')?.message;
  if (answer === undefined) return null;
  return [delivered.message as unknown as HostDmaMap, answer as unknown as HostReturn];
}

/** Why a mapping of the host is none, or leads nowhere. */
function useless(powernv: PowernvState, call: HostDmaMap, { result }: HostReturn): string | null {
  const what = `After its group came back from VFIO, a DMA mapping of ${call.device} below 4 GiB`;
  if (!result.ok) return `${what} fails with ${result.errno}.`;
  const device = deviceOf(powernv, call.device);
  const pe = device === undefined ? undefined : peOfDevice(powernv, device);
  const tve = pe?.tves[0];
  const table = tve?.mode === 'TCE' ? liveTableOf(powernv, tve.table) : undefined;
  const address = result.address;
  if (address === null) return null;
  if (table === undefined) return `${what} succeeds, and the PE has no table that devices could reach.`;
  const index = Number((address >> BigInt(table.pageShift)) - table.offset);
  const word = index < table.hardware.entries ? tceAt(table.hardware, tceIndex(index)) : 0n;
  if ((word & 3n) !== 0n) return null;
  return `${what} succeeds with ${hex(address)}, and table ${table.table}, which the hardware walks, has nothing there.`;
}

export const hostDma: Property<Returned> = {
  name: 'L-9',
  title: 'A driver of the host that is bound after VFIO has given a group back can do DMA below 4 GiB.',
  sometimes: 'such a driver maps memory',
  reads: ['powernv-ioda2'],
  initial: [],
  observe: (before, step) => {
    const powernv = powernvIn(step.moved.state);
    if (powernv === undefined) return { memory: before, violation: null, reached: false };
    const owned = powernv.groups.filter(({ owner, group }) => owner === 'vfio' && !before.includes(group));
    const memory = owned.length === 0 ? before : [...before, ...owned.map(({ group }) => group)];
    const mapped = mappedIn(step);
    const device = mapped === null ? undefined : deviceOf(powernv, mapped[0].device);
    const pe = device === undefined ? undefined : peOfDevice(powernv, device);
    const isBack =
      pe !== undefined && memory.includes(pe.group) && groupOf(powernv, pe.group)?.owner === 'platform';
    if (mapped === null || !isBack || device?.driver == null || device.driver.bypass) {
      return { memory, violation: null, reached: false };
    }
    return { memory, violation: useless(powernv, ...mapped), reached: true };
  },
};
