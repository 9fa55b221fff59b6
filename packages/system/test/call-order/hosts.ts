import { canonicalKvm, kvmMachine, RCU_THREAD } from '@spapr-dma/kvm';
import { canonicalPowernv, type PowernvInput, powernvMachine } from '@spapr-dma/powernv-ioda2';
import { threadId } from '@spapr-dma/protocol';
import { canonicalVfioHost, REGION_RCU_THREAD, vfioHostMachine } from '@spapr-dma/vfio-host';
import type { Participant } from '../../src/participants.ts';

const MAIN = threadId('main');
/** The NIC, which drives 32 address bits, and a function behind PHB 2 in a group of its own. */
export const NIC = '0000:01:00.0';
export const EDU = '0002:01:00.0';
/** Two functions of one bus, which are one group. */
const PAIR = ['0001:01:00.0', '0001:01:00.1'] as const;
/** Section I: a function that shares the NIC's bus, and so its group. */
const MATE = '0000:01:00.1';

interface Host {
  readonly phbs: NonNullable<PowernvInput['phbs']>;
  /** What vfio-pci is bound to, by group. */
  readonly groups: readonly { readonly group: number; readonly devices: readonly string[] }[];
}

const HOST: Host = {
  phbs: [
    { phb: 0, devices: [{ device: NIC }] },
    { phb: 1, devices: PAIR.map((device) => ({ device })) },
    { phb: 2, devices: [{ device: EDU }] },
  ],
  groups: [
    { group: 1, devices: PAIR },
    { group: 2, devices: [EDU] },
  ],
};
const HOST_WITH_MATE: Host = {
  phbs: [{ phb: 0, devices: [{ device: NIC }, { device: MATE }] }],
  groups: [{ group: 0, devices: [MATE] }],
};

const kvm = kvmMachine({ vcpus: 1 });
const vfioHost = vfioHostMachine({ threads: [MAIN] });

/** The machines of a section, as they come: linux-6.12, 64K pages, 4 GiB of memory. */
export function hostOf(letter: string): readonly Participant[] {
  const { phbs, groups } = letter === 'I' ? HOST_WITH_MATE : HOST;
  return [
    {
      name: 'kvm',
      component: 'kvm',
      machine: kvm,
      input: {},
      canonical: canonicalKvm,
      threads: () => [RCU_THREAD],
    },
    {
      name: 'vfio-host',
      component: 'vfio-host',
      machine: vfioHost,
      input: { groups, processes: [{ process: 'qemu' }] },
      canonical: canonicalVfioHost,
      threads: () => [MAIN, REGION_RCU_THREAD],
    },
    {
      name: 'powernv-ioda2',
      component: 'powernv-ioda2',
      machine: powernvMachine,
      input: { phbs },
      canonical: canonicalPowernv,
      threads: () => [],
    },
  ];
}
