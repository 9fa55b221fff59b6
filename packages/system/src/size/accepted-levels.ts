import type { PhbGeneration } from '@spapr-dma/powernv-ioda2';
import {
  type Bytes,
  bytes,
  type Fd,
  type Ioba,
  iommuPageShift,
  levelCount,
  threadId,
  type VfioCall,
  type VfioReturn,
} from '@spapr-dma/protocol';
import type { VfioHost } from '@spapr-dma/vfio-host';
import { choicesOf, type SystemState } from '../choices.js';
import { powernvConfigOf, vfioConfigOf } from '../configs.js';
import { powernvParticipant, vfioParticipant } from '../machines.js';
import { initialState, step } from '../pure-driver.js';
import type { Settings } from '../settings.js';

const DEVICE = '0000:01:00.0';
const THREAD = threadId('main');
const LEVELS = [1, 2, 3, 4, 5];
/** No table is refused for the host's memory: what is asked is the shape. */
const HOST_RAM = bytes(1n << 40n);

/** A call without its envelope. */
type Fields<Call> = Call extends VfioCall ? Omit<Call, 'from' | 'to' | 'thread' | 'process'> : never;

/** How a host answers VFIO_IOMMU_SPAPR_TCE_CREATE: the host pages that it charges, or its error. */
export type CreateAnswer =
  | { readonly ok: true; readonly kb: number }
  | { readonly ok: false; readonly errno: string };

/** A host with one group in a container, whose windows are all free. */
export interface WindowHost {
  readonly hostPageShift: 12 | 16;
  readonly generation: PhbGeneration;
  readonly settings: Settings;
}

const contextOf = ({ snapshots }: SystemState): VfioHost => snapshots['vfio-host']!.context as VfioHost;
const lockedKbOf = ({ mms, config }: VfioHost): number =>
  mms.reduce((pages, { lockedPages }) => pages + lockedPages, 0) * 2 ** (config.hostPageShift - 10);

/** @throws where a file that must be there cannot be opened */
function fdOf(result: VfioReturn['result']): Fd {
  if (!result.ok) throw new Error(`unreachable: ${result.errno}`);
  return result.value;
}

/** Asks a fresh host for a window. */
export function createdWindow(
  { hostPageShift, generation, settings }: WindowHost,
  window: { readonly pageShift: number; readonly windowSize: Bytes; readonly levels: number },
): CreateAnswer {
  const facts = { pageShift: hostPageShift, ram: HOST_RAM, nobypass: false };
  const participants = [
    vfioParticipant(
      {
        config: vfioConfigOf(settings, 'power9', hostPageShift),
        groups: [{ group: 0, devices: [DEVICE] }],
      },
      0,
    ),
    powernvParticipant({
      config: powernvConfigOf(settings, facts),
      phbs: [{ phb: 0, generation, devices: [{ device: DEVICE }] }],
    }),
  ];
  let state = initialState(participants);
  const ask = (fields: Fields<VfioCall>): VfioReturn['result'] => {
    const message = {
      ...fields,
      from: 'qemu-spapr',
      to: 'vfio-host',
      thread: THREAD,
      process: 'qemu',
    } as const;
    let moved = step(participants, state, { kind: 'offer', to: 'vfio-host', message });
    for (;;) {
      state = moved.state;
      const answer = moved.sent.find((sent) => sent.message.type === 'vfio-return')?.message;
      if (answer !== undefined) return (answer as unknown as VfioReturn).result;
      moved = step(participants, state, choicesOf(participants, state)[0]!);
    }
  };
  const lockedKb = (): number => lockedKbOf(contextOf(state));
  const block = { argsz: null, readable: true } as const;

  const containerFd = fdOf(ask({ type: 'open', path: '/dev/vfio/vfio' }));
  const groupFd = fdOf(ask({ type: 'open', path: '/dev/vfio/0' }));
  ask({ type: 'VFIO_GROUP_SET_CONTAINER', groupFd, containerFd });
  ask({ type: 'VFIO_SET_IOMMU', containerFd, iommuType: 7 });
  // Declined, so that the window that is asked for does not come beside the default one.
  ask({ type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE', containerFd, startAddr: 0n as Ioba, flags: 0, ...block });
  const before = lockedKb();
  const result = ask({
    type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
    containerFd,
    pageShift: iommuPageShift(window.pageShift),
    windowSize: window.windowSize,
    levels: levelCount(window.levels),
    flags: 0,
    ...block,
  });
  return result.ok ? { ok: true, kb: lockedKb() - before } : { ok: false, errno: result.errno };
}

/** Numbers of levels, of 1 to 5, with which a host accepts a window. */
export const acceptedLevels = (
  host: WindowHost,
  window: { readonly pageShift: number; readonly windowSize: Bytes },
): readonly number[] => LEVELS.filter((levels) => createdWindow(host, { ...window, levels }).ok);
