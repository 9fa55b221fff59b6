import type {
  HcallReturn,
  MemoryAccessReturn,
  RtasReturn,
  TableAccessReturn,
  TableGroupReturn,
  VfioFileReturn,
} from '@spapr-dma/protocol';

/** Answers that somebody in KVM waits for. */
export type Answer = MemoryAccessReturn | VfioFileReturn | TableGroupReturn | TableAccessReturn;
/** QEMU's answers to what KVM left to it. */
export type UserAnswer = HcallReturn | RtasReturn;

/** A place at which a thread waits: what for, and where it can go on to. */
export interface PlaceInfo {
  readonly awaits: Answer['type'];
  readonly next: readonly string[];
}

const MEMORY = 'memory-access-return';
const FILE = 'vfio-file-return';
const GROUP = 'table-group-return';
const TABLE = 'table-access-return';

/**
 * The next entries or the next hardware table, or the call leaves the kernel; where a real-mode handler gave up, the
 * same call begins again in virtual mode.
 */
const GOES_ON = [
  'mapping.lookingUp',
  'mapping.findingSlots',
  'unmapping.exchanging',
  'clearing.exchanging',
  'inGuest',
  'inUserspace',
  'validating.lookingUp',
] as const;
/** After what stood in an entry was counted down: back to who asked for it. */
const DROPPED = [
  'mapping.storing',
  'unmapping.exchanging',
  'unmapping.restoring',
  'unmapping.killing',
  ...GOES_ON,
] as const;
const DROPPING = ['dropping.readingSlots', 'dropping.lookingUp'] as const;

/**
 * The places of a vCPU inside KVM: what it does, and what for. Without TCE kills of their own (before linux-5.4)
 * `killing` is left out.
 */
export const VCPU_PLACES = {
  'validating.lookingUp': { awaits: MEMORY, next: ['validating.translating', ...GOES_ON] },
  'validating.translating': { awaits: MEMORY, next: GOES_ON },
  'mapping.lookingUp': {
    awaits: MEMORY,
    next: ['mapping.findingSlots', 'mapping.translating', 'mapping.killing', ...GOES_ON],
  },
  'mapping.findingSlots': {
    awaits: TABLE,
    next: ['mapping.lookingUp', 'mapping.translating', 'mapping.killing', ...GOES_ON],
  },
  'mapping.translating': { awaits: MEMORY, next: ['mapping.counting', 'mapping.killing', ...GOES_ON] },
  'mapping.counting': { awaits: MEMORY, next: ['mapping.exchanging', 'mapping.killing', ...GOES_ON] },
  'mapping.exchanging': {
    awaits: TABLE,
    next: ['mapping.uncounting', 'dropping.readingSlots', 'mapping.storing'],
  },
  'mapping.uncounting': {
    awaits: MEMORY,
    next: ['dropping.readingSlots', 'mapping.storing', 'mapping.killing', ...GOES_ON],
  },
  'mapping.storing': {
    awaits: TABLE,
    next: ['mapping.lookingUp', 'mapping.findingSlots', 'mapping.killing', ...GOES_ON],
  },
  'mapping.killing': { awaits: TABLE, next: GOES_ON },
  'dropping.readingSlots': { awaits: TABLE, next: [...DROPPING, ...DROPPED] },
  'dropping.lookingUp': { awaits: MEMORY, next: ['dropping.uncounting', ...DROPPING, ...DROPPED] },
  'dropping.uncounting': { awaits: MEMORY, next: ['dropping.emptying'] },
  'dropping.emptying': { awaits: TABLE, next: [...DROPPING, ...DROPPED] },
  'unmapping.exchanging': {
    awaits: TABLE,
    next: ['dropping.readingSlots', 'unmapping.killing', ...GOES_ON],
  },
  'unmapping.restoring': { awaits: TABLE, next: ['unmapping.killing', ...GOES_ON] },
  'unmapping.killing': { awaits: TABLE, next: GOES_ON },
  'clearing.exchanging': { awaits: TABLE, next: ['dropping.readingSlots', ...GOES_ON] },
} as const satisfies Readonly<Record<string, PlaceInfo>>;

/** The places of a system call. Where QEMU is gone, or a file's last user lets it go, one leads to another. */
const FILES_GO = ['releasing.uncharging', 'detaching.readingGroup', 'waitingForGracePeriod', 'idle'] as const;
export const IOCTL_PLACES = {
  'creating.charging': { awaits: MEMORY, next: ['creating.refunding', 'idle'] },
  'creating.refunding': { awaits: MEMORY, next: ['idle'] },
  'releasing.uncharging': { awaits: MEMORY, next: FILES_GO },
  'addingGroup.findingFile': { awaits: FILE, next: ['idle'] },
  'removingGroup.findingFile': { awaits: FILE, next: ['detaching.readingGroup', 'idle'] },
  'detaching.readingGroup': { awaits: GROUP, next: FILES_GO },
  'attaching.findingFile': {
    awaits: FILE,
    next: ['attaching.findingTableFile', 'attaching.readingGroup', 'idle'],
  },
  'attaching.findingTableFile': { awaits: FILE, next: ['idle'] },
  'attaching.readingGroup': { awaits: GROUP, next: ['attaching.takingTable', ...FILES_GO] },
  'attaching.takingTable': { awaits: GROUP, next: ['attaching.puttingTable', ...FILES_GO] },
  'attaching.puttingTable': { awaits: GROUP, next: FILES_GO },
} as const satisfies Readonly<Record<string, PlaceInfo>>;

/** The places of RCU's thread while it frees something. */
export const RCU_PLACES = {
  'freeing.puttingTable': { awaits: GROUP, next: ['pending', 'quiet'] },
} as const satisfies Readonly<Record<string, PlaceInfo>>;

export type VcpuPlace = keyof typeof VCPU_PLACES;
export type IoctlPlace = keyof typeof IOCTL_PLACES;
export type RcuPlace = keyof typeof RCU_PLACES;
/** Where a thread waits for an answer. */
export type WaitingPlace = VcpuPlace | IoctlPlace | RcuPlace;
/**
 * Where a thread can be. `pausingVcpus` waits for the last vCPU to leave the kernel, `waitingForGracePeriod` for those
 * that may have found what was unlinked.
 */
export type Place =
  | WaitingPlace
  | 'inGuest'
  | 'inUserspace'
  | 'idle'
  | 'pausingVcpus'
  | 'waitingForGracePeriod'
  | 'quiet'
  | 'pending';

const PLACES: Readonly<Record<WaitingPlace, PlaceInfo>> = { ...VCPU_PLACES, ...IOCTL_PLACES, ...RCU_PLACES };

/** What a thread at a place waits for; null where it waits for no answer. */
export const awaitedAt = (place: Place): Answer['type'] | null =>
  place in PLACES ? PLACES[place as WaitingPlace].awaits : null;

/** Where a call that enters the kernel may come to wait first. */
export const ENTRY_PLACES: readonly string[] = GOES_ON;
