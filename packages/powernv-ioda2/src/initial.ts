import { type Bytes, type HostDeviceId, threadId } from '@spapr-dma/protocol';
import { LINUX_6_12, M32_BASE, PHB_PGSIZES, type PhbGeneration, type PowernvConfig } from './config.js';
import { rescan } from './rescan.js';
import type { Running } from './sent.js';
import { type PowernvState, withoutForgotten } from './state.js';

/** A function in a slot of a PHB. */
export interface DeviceInput {
  readonly device: HostDeviceId;
  /** How many virtual functions it can make; none unless told. */
  readonly totalVfs?: number;
}

/** A host bridge with what is plugged behind it. What is not told is as that generation has it. */
export interface PhbInput {
  readonly phb: number;
  readonly generation?: PhbGeneration;
  readonly m32Base?: Bytes;
  readonly pgsizes?: bigint;
  readonly devices: readonly DeviceInput[];
}

/** What a host is started with. */
export interface PowernvInput {
  readonly config?: PowernvConfig;
  readonly phbs?: readonly PhbInput[];
}

/** A PHB4 with one function: a group of one device. */
export const DEFAULT_PHBS: readonly PhbInput[] = [{ phb: 0, devices: [{ device: '0000:01:00.0' }] }];

const ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

/** Stops a host that cannot be: an address that is none, a PHB or a function that is there twice. */
function assertPossible(phbs: readonly PhbInput[]): void {
  const devices = phbs.flatMap((each) => each.devices.map(({ device }) => device));
  for (const device of devices) {
    if (!ADDRESS.test(device)) throw new RangeError(`${device} is no address of a PCI function`);
  }
  if (new Set(devices).size < devices.length) throw new RangeError('a PCI function is there twice');
  if (new Set(phbs.map(({ phb }) => phb)).size < phbs.length) throw new RangeError('a PHB is there twice');
}

/**
 * A host that has just started: every PE has the host's own window, and no driver is bound. Groups are numbered
 * in the order of the PHBs and buses.
 * @throws RangeError for a host that cannot be
 */
export function initialPowernv({ config = LINUX_6_12, phbs = DEFAULT_PHBS }: PowernvInput): PowernvState {
  assertPossible(phbs);
  const sorted = phbs
    .map(({ phb, generation = 'PHB4', m32Base = M32_BASE, pgsizes = PHB_PGSIZES[generation], devices }) => ({
      phb,
      generation,
      m32Base,
      pgsizes,
      plugged: devices
        .map(({ device, totalVfs = 0 }) => ({ device, totalVfs }))
        .sort((a, b) => (a.device < b.device ? -1 : 1)),
    }))
    .sort((a, b) => a.phb - b.phb);
  const running: Running = {
    powernv: {
      config,
      phbs: sorted,
      pes: [],
      groups: [],
      tables: [],
      devices: [],
      failing: [],
      accidents: { useAfterFree: false, outOfBounds: false, hostDmaWhileOwned: false },
    },
    thread: threadId('boot'),
    sent: [],
  };
  for (const { phb } of sorted) rescan(running, { phb });
  return withoutForgotten(running.powernv);
}
