import {
  canonicalKvm,
  type HostCpu,
  KVM_VERSIONS,
  type KvmState,
  kvmConfig,
  kvmMachine,
  RCU_THREAD,
} from '@spapr-dma/kvm';
import {
  canonicalPowernv,
  type PhbInput,
  type PowernvState,
  powernvConfigOf,
  powernvMachine,
} from '@spapr-dma/powernv-ioda2';
import type { BindDriver, ProcessId } from '@spapr-dma/protocol';
import type { Participant, SystemState } from '@spapr-dma/system';
import {
  canonicalVfioHost,
  REGION_RCU_THREAD,
  type VfioHost,
  vfioHostConfigOf,
  vfioHostMachine,
} from '@spapr-dma/vfio-host';
import { MAIN } from './caller.js';
import type { RecordedDevice, RecordedHost } from './environment.js';
import { type Boot, MachinesHost } from './host-kernel.js';
import type { RecordedPlatform } from './platform.js';

/** One object of each machine serves all hosts. */
const KVM = kvmMachine({ vcpus: 1 });
const VFIO_HOST = vfioHostMachine();

/** A 32-bit adapter's, or a disk's that the recordings do not use: no recorded answer depends on it. */
const HOST_DRIVER_MASK = 0xffff_ffffn;

/** The processors that the PHBs came with. */
const CPUS: Readonly<Record<RecordedPlatform['phb'], HostCpu>> = {
  PHB3: 'power8',
  PHB4: 'power9',
  PHB5: 'power10',
};

const ADDRESS = /^([0-9a-f]{4}):([0-9a-f]{2}):/;
/** The bus a function is on, whose functions are one group. */
const busOf = ({ device }: RecordedDevice): string => ADDRESS.exec(device)?.[0] ?? device;
/** The PHB is the domain of the address. */
const phbOf = ({ device }: RecordedDevice): number => Number.parseInt(ADDRESS.exec(device)?.[1] ?? '0', 16);

function grouped<Key>(devices: readonly RecordedDevice[], keyOf: (device: RecordedDevice) => Key) {
  const groups = new Map<Key, RecordedDevice[]>();
  for (const device of devices) groups.set(keyOf(device), [...(groups.get(keyOf(device)) ?? []), device]);
  return [...groups];
}

/** The machines of a host, as a recording describes it. Groups are numbered in the order of the buses. */
export function participantsOf(
  { linux, hostPageShift, phb: generation, ramBytes, nobypass }: RecordedPlatform,
  { devices }: RecordedHost,
): readonly Participant[] {
  const phbs = grouped(devices, phbOf).map(
    ([phb, behind]): PhbInput => ({ phb, generation, devices: behind }),
  );
  const groups = grouped(devices, busOf).map(([, behind], group) => ({
    group,
    devices: behind.filter(({ driver }) => driver === 'vfio-pci').map(({ device }) => device),
  }));
  return [
    {
      name: 'kvm',
      component: 'kvm',
      machine: KVM,
      input: { config: kvmConfig(KVM_VERSIONS[linux], { hostPageShift, cpu: CPUS[generation] }) },
      canonical: canonicalKvm,
      threads: ({ rcu }: KvmState) => (rcu.callbacks.length > 0 ? [RCU_THREAD] : []),
    },
    {
      name: 'vfio-host',
      component: 'vfio-host',
      machine: VFIO_HOST,
      input: { config: { ...vfioHostConfigOf(linux), hostPageShift }, groups },
      canonical: canonicalVfioHost,
      threads: ({ freeing, threads }: VfioHost) => [
        ...threads.map(({ thread }) => thread),
        ...(freeing.length > 0 ? [REGION_RCU_THREAD] : []),
      ],
    },
    {
      name: 'powernv-ioda2',
      component: 'powernv-ioda2',
      machine: powernvMachine,
      // The recorded hosts are machines of QEMU, whose PHBs do not freeze a PE.
      input: {
        config: { ...powernvConfigOf(linux), hostPageShift, ramBytes, nobypass, freezesOnFault: false },
        phbs,
      },
      canonical: canonicalPowernv,
      threads: (_: PowernvState) => [],
    },
  ];
}

/** VmLck of a process: what is charged to its memory. */
function lockedKbOf({ snapshots }: SystemState, name: ProcessId): number {
  const { config, processes, mms } = snapshots['vfio-host']!.context as VfioHost;
  const process = processes.find((each) => each.process === name);
  const pages = mms.find(({ mm }) => mm === process?.mm)?.lockedPages ?? 0;
  return pages * 2 ** (config.hostPageShift - 10);
}

/** A host that has just started, with the drivers that the recorder had bound. */
export const machinesHost: Boot = (platform, recorded) => {
  const host = new MachinesHost(participantsOf(platform, recorded), lockedKbOf);
  for (const { device, driver } of recorded.devices) {
    if (driver !== 'host') continue;
    const bind: BindDriver = {
      type: 'bind-driver',
      from: 'environment',
      to: 'powernv-ioda2',
      thread: MAIN,
      device,
      dmaMask: HOST_DRIVER_MASK,
    };
    host.send(bind);
  }
  return host;
};
