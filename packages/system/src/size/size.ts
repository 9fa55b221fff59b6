import { type KvmState, sttPages } from '@spapr-dma/kvm';
import { bytes, hostPageShift as hostPage, windowBytesOf } from '@spapr-dma/protocol';
import type { ContainerWindow, Mm, TceContainer, VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';
import { settingsOf } from '../presets.js';
import { acceptedLevels } from './accepted-levels.js';
import { planned } from './planned-guest.js';
import type { SizedWindow, SizeFailure, SizeReport, SizeRequest } from './size-request.js';

/** What a run has locked, in host pages. */
interface Locked {
  readonly ram: number;
  readonly windows: number;
  readonly kvm: number;
  readonly total: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

const containersOf = (vfio: VfioHost): readonly TceContainer[] =>
  vfio.containers.flatMap(({ iommu }) => (iommu === null ? [] : [iommu]));

const windowsOf = (vfio: VfioHost): readonly ContainerWindow[] =>
  containersOf(vfio).flatMap(({ windows }) => windows.flatMap((window) => (window === null ? [] : [window])));

function lockedIn({ snapshots }: SystemState): Locked {
  const vfio = snapshots['vfio-host']!.context as VfioHost;
  const kvm = snapshots.kvm?.context as KvmState | undefined;
  const mm: Mm | undefined = vfio.mms.find(({ process }) => process === 'qemu');
  const registered = sum(mm?.regions.map(({ entries }) => entries as number) ?? []);
  const enabled = sum(containersOf(vfio).map(({ lockedPages }) => lockedPages));
  return {
    ram: registered + enabled,
    windows: sum(windowsOf(vfio).map(({ chargedPages }) => chargedPages)),
    kvm: sum(kvm?.tables.map(({ size }) => sttPages(vfio.config.hostPageShift, BigInt(size))) ?? []),
    total: mm?.lockedPages ?? 0,
  };
}

function sizedWindows(request: SizeRequest, { snapshots }: SystemState): readonly SizedWindow[] {
  const { hostPageShift, generation, preset } = request;
  const settings = settingsOf(preset, { iommuType: request.iommuType });
  const vfio = snapshots['vfio-host']!.context as VfioHost;
  return windowsOf(vfio)
    .map(({ facts, chargedPages }) => {
      const { pageShift, offset, size, levels } = facts;
      const windowSize = bytes(windowBytesOf(size, pageShift));
      return {
        start: offset << BigInt(pageShift),
        pageShift,
        entries: size,
        levels,
        accepted: acceptedLevels({ hostPageShift, generation, settings }, { pageShift, windowSize }),
        kb: chargedPages * 2 ** (hostPageShift - 10),
      };
    })
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

/** What gives way with a limit; null where nothing does. */
function failureAt(request: SizeRequest, limitKb: number): SizeFailure | null {
  const { refusal } = planned(request, limitKb);
  return refusal === null ? null : { limitKb, ...refusal };
}

/**
 * What a planned guest locks: it is started, its windows are made, and locked_vm is read, with the charges that
 * it is made of. All figures are the machines'.
 * @throws SettingsError for an unknown preset
 */
export function sizeOf(request: SizeRequest): SizeReport {
  settingsOf(request.preset);
  const { state } = planned(request, null);
  const locked = lockedIn(state);
  const pageKb = 2 ** (hostPage(request.hostPageShift) - 10);
  const kb = (pages: number): number => pages * pageKb;
  const limitKb = request.memlockKb ?? kb(locked.total - 1);
  return {
    lockedKb: {
      ram: kb(locked.ram),
      windows: kb(locked.windows),
      kvm: kb(locked.kvm),
      total: kb(locked.total),
    },
    memlock: kb(locked.total) * 1024,
    windows: sizedWindows(request, state),
    firstFailure: failureAt(request, limitKb),
  };
}
