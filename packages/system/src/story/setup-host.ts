import { initialPowernv, type PowernvInput } from '@spapr-dma/powernv-ioda2';
import { type Bytes, bytes, gpa } from '@spapr-dma/protocol';
import type { VfioHostInput } from '@spapr-dma/vfio-host';
import { powernvConfigOf, vfioConfigOf } from '../configs.js';
import { powernvParticipant, vfioParticipant } from '../machines.js';
import { vmaOf } from '../memory-layout.js';
import type { Participant } from '../participants.js';
import type { Settings } from '../settings.js';
import { SIZES, type Size } from '../sizes.js';
import type { MachineSetup } from './story.js';

type Host = NonNullable<MachineSetup['host']>;

/** Memory of a host that a story says nothing about: enough for the guest's to lie in it. */
const HOST_RAM = bytes(0x20_0000_0000n);
/** A host of a machine in KVM that passes nothing through. */
const BARE_HOST: Host = {
  pageShift: 16,
  ram: null,
  nobypass: false,
  freezesOnFault: true,
  memlockKb: null,
  capIpcLock: false,
  phbs: [],
};

const powernvInputOf = (host: Host, settings: Settings): PowernvInput => ({
  config: {
    ...powernvConfigOf(settings, {
      pageShift: host.pageShift,
      ram: bytes(host.ram ?? HOST_RAM),
      nobypass: host.nobypass,
    }),
    freezesOnFault: host.freezesOnFault,
  },
  phbs: host.phbs.map(({ phb, generation, devices }) => ({
    phb,
    generation,
    devices: devices.map(({ device, totalVfs }) => ({ device, totalVfs })),
  })),
});

/**
 * QEMU's memory: all that the guest has or may get.
 *
 * Abstraction: memory that can be hot-added is mapped by QEMU from the start.
 */
function guestBytes(machine: MachineSetup, size: Size): Bytes {
  const ram = machine.ram ?? SIZES[size].ram;
  const max = machine.hotplugMax ?? SIZES[size].hotplugMax;
  return bytes(max === 'none' || max < ram ? ram : max);
}

/** VFIO with the groups that the platform has made, and QEMU's process. */
function vfioInputOf(
  machine: MachineSetup,
  host: Host,
  platform: PowernvInput,
  settings: Settings,
  size: Size,
): VfioHostInput {
  const bound = new Set(
    host.phbs.flatMap(({ devices }) => devices.flatMap(({ device, vfioPci }) => (vfioPci ? [device] : []))),
  );
  const { groups } = initialPowernv(platform);
  return {
    config: vfioConfigOf(settings, size, host.pageShift),
    groups: groups.map(({ group, devices }) => ({
      group,
      devices: devices.filter((device) => bound.has(device)),
    })),
    processes: [
      {
        process: 'qemu',
        vmas: [vmaOf(gpa(0n), guestBytes(machine, size), host.pageShift)],
        memlock: host.memlockKb === null ? null : bytes(BigInt(host.memlockKb) << 10n),
        capIpcLock: host.capIpcLock,
      },
    ],
  };
}

/** VFIO and the platform under a machine that passes devices through, or that runs in KVM. */
export function hostParticipants(
  machine: MachineSetup,
  settings: Settings,
  size: Size,
): readonly Participant[] {
  const host = machine.host ?? BARE_HOST;
  const platform = powernvInputOf(host, settings);
  return [
    vfioParticipant(vfioInputOf(machine, host, platform, settings, size), machine.vcpus),
    powernvParticipant(platform),
  ];
}
