import { EDU, NIC } from './hosts.ts';

/*
 * What the recording does not show: how the program came to where a section begins, which file a `close` is of,
 * and what the host did at a mark that is no call of the program. From the program's own record of the same runs.
 */

const OPEN_CONTAINER = 'open /dev/vfio/vfio';
const V2 = 'SET_IOMMU type=7';

/** What the host does by itself. */
export type HostEvent =
  | { readonly do: 'bind-driver'; readonly device: string; readonly dmaMask: bigint }
  | { readonly do: 'unbind-driver' | 'unbind-vfio-pci' | 'remove-device'; readonly device: string }
  | { readonly do: 'dma_map'; readonly device: string; readonly bytes: bigint }
  | { readonly do: 'rescan'; readonly phb: number }
  | { readonly do: 'exit' };

const PROBE: readonly HostEvent[] = [
  { do: 'bind-driver', device: NIC, dmaMask: 0xffff_ffffn },
  { do: 'dma_map', device: NIC, bytes: 0x2b0n },
];

/** What the host did at a mark that is no call of the program, by section. */
export const HOST_DID: Readonly<Record<string, readonly HostEvent[]>> = {
  'E NOTE holding': [{ do: 'unbind-vfio-pci', device: EDU }],
  'F BEGIN rescan': [
    { do: 'remove-device', device: EDU },
    { do: 'rescan', phb: 2 },
  ],
  'G NOTE holding': [{ do: 'exit' }],
  'I NOTE holding': [{ do: 'bind-driver', device: NIC, dmaMask: 0xffff_ffffn }],
  'K BEGIN nic-probe': PROBE,
  'K BEGIN nic-rebind': PROBE,
};

/** What the host did before a section, or before a mark of it, unseen. */
export const HOST_HAD_DONE: Readonly<Record<string, readonly HostEvent[]>> = {
  I: [{ do: 'bind-driver', device: NIC, dmaMask: 0xffff_ffffn }],
  'I NOTE holding': [{ do: 'unbind-driver', device: NIC }],
  'K BEGIN nic-rebind': [{ do: 'unbind-driver', device: NIC }],
};

/** The usual beginning: a container with one group. */
const begun = (group: number, type = V2): readonly string[] => [
  OPEN_CONTAINER,
  `open /dev/vfio/${group}`,
  'GROUP_SET_CONTAINER group_fd=7 container_fd=6',
  type,
];

/** The scenario `hold`: two windows with mappings, and nothing more. */
const held = (group: number): readonly string[] => [
  ...begun(group),
  'SPAPR_REGISTER_MEMORY vaddr=buf+0 size=0x100000',
  'MAP_DMA iova=0 vaddr=buf+0 size=0x100000 flags=3',
  'SPAPR_TCE_CREATE page_shift=16 window_size=0x10000000000 levels=2',
  'MAP_DMA iova=0x800000000000000 vaddr=buf+0 size=0x100000 flags=3',
  'MAP_DMA iova=0x800008000000000 vaddr=buf+0 size=0x10000 flags=3',
];

/** Operations before the first that a section shows, and before a mark, unseen. */
export const BEFORE: Readonly<Record<string, readonly string[]>> = {
  A: [OPEN_CONTAINER, 'open /dev/vfio/1'],
  B: begun(1),
  C: [
    ...begun(1),
    'SPAPR_TCE_REMOVE start_addr=0',
    'SPAPR_TCE_CREATE page_shift=16 window_size=0x1000000000 levels=1',
    'SPAPR_TCE_REMOVE start_addr=0',
    'SPAPR_TCE_CREATE page_shift=16 window_size=0x2000000000 levels=1',
    'SPAPR_TCE_REMOVE start_addr=0',
  ],
  D: [...begun(1), 'open /dev/vfio/2', 'SPAPR_REGISTER_MEMORY vaddr=buf+0 size=0x100000'],
  E: held(2),
  F: [],
  G: held(2),
  H: begun(1, 'SET_IOMMU type=2'),
  I: [],
  'I NOTE holding': held(0),
  J: [
    'open /dev/kvm',
    'KVM_CREATE_VM type=0',
    'KVM_CREATE_SPAPR_TCE liobn=0x70000000 window=0x10000000',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000000 page_shift=12 offset=0 size=0x80000 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000001 page_shift=16 offset=0x80000000000 size=0x4000 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000004 page_shift=24 offset=0 size=0x10 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000005 page_shift=12 offset=0xfffffffffffffffc size=0x10 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000006 page_shift=16 offset=0 size=0x1000000 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000008 page_shift=12 offset=0x1000 size=0x80000 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x80000009 page_shift=12 offset=0 size=0x40000 flags=0',
    'KVM_CREATE_SPAPR_TCE_64 liobn=0x8000000a page_shift=16 offset=0 size=0x8000 flags=0',
    'close fd=11',
    'close fd=13',
    'close fd=8',
    'KVM_CREATE_DEVICE',
    OPEN_CONTAINER,
    'open /dev/vfio/1',
    'GROUP_SET_CONTAINER group_fd=13 container_fd=11',
    V2,
  ],
  K: [],
};

/** Files that the program closes, by step. */
export const CLOSED: Readonly<Record<string, string>> = {
  'unset/11': 'fd=6',
  'unset/12': 'fd=7',
  'leak/14': 'fd=6',
  'hold/11': 'fd=6',
  'hold/12': 'fd=7',
  'v1/29': 'fd=8',
  'v1/33': 'fd=6',
  'v1/34': 'fd=7',
  'viable/5': 'fd=7',
  'viable/6': 'fd=6',
  'kvm/53': 'fd=9',
  'kvm/62': 'fd=10',
  'kvm/63': 'fd=9',
  'kvm/64': 'fd=8',
  'kvm/65': 'fd=11',
};

/** Bytes of the program's buffer, and the part of it that can only be read. */
export const BUFFER_BYTES = 0x800_0000n;
export const READ_ONLY = { at: 0x43d_0000n, bytes: 0x1_0000n } as const;
