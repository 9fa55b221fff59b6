import {
  bytes,
  DEFAULT_WINDOW_BYTES,
  DEFAULT_WINDOW_START,
  DYNAMIC_WINDOW_START,
  ioba,
  PAGE_SIZE_MASK_DEFAULT,
  PAGE_SIZE_MASK_UP_TO_4_1,
  type PhbDevice,
  type PhbProperties,
} from '@spapr-dma/protocol';
import { HOST_SWITCHES_7_2, type HostSwitches } from './host-switches.js';

/** Behaviours that a preset turns on and off; the unfixed value stands first. @see spec 60 section C */
export interface WindowSwitches {
  /** B-31: does a table forget that it was the default window when it is disabled? */
  readonly defWinClear: 'unfixed' | 'fixed';
  /** B-32: does a create look whether its address is free? */
  readonly createAddrCheck: 'unfixed' | 'fixed';
  /** B-33: are windows of 2^32 entries and more refused before their count is cut to 32 bits? */
  readonly nbTruncation: 'unfixed' | 'fixed';
  /** B-53: are shifts above 63 refused? */
  readonly shiftCheck: 'unfixed' | 'fixed';
  /** B-01, B-02: when is a window replayed to who begins to listen to it, and how? */
  readonly replayPolicy:
    | 'always'
    | 'skipOnCreate'
    | 'anyMappingFlagBlind'
    | 'anyMappingFlag'
    | 'kvmReplay'
    | 'bitmap'
    | 'lazyBind';
  /** B-29: is a loaded table of the same size but another geometry enabled anew? */
  readonly postLoadGeomCheck: 'unfixed' | 'fixed';
}

/** All switches; those that matter only beside KVM and VFIO may be left out. */
export type QemuSwitches = WindowSwitches & Partial<HostSwitches>;

/** What a version of QEMU has or lacks; no bug, but a difference that shows. @see spec 00 section 6 */
export interface QemuFeatures {
  /** The four DDW calls exist: since qemu-2.7. */
  readonly ddwCalls: boolean;
  /** The query has a form with 6 outputs beside the one with 5: absent in mid-2019, present in qemu-7.2. */
  readonly sixOutputQuery: boolean;
  /** The query's mask has a bit for 2M pages: absent in mid-2019, present in qemu-7.2. */
  readonly queryReports2M: boolean;
  /** Removing the last window, where it is not the default one, restores the default window: since qemu-7.1. */
  readonly restoresDefaultWindow: boolean;
  /** Version of the migration stream: 3 carries def_win. */
  readonly streamVersion: 2 | 3;
}

/** What the KVM beneath says it can do. @see [Linux] Documentation/virt/kvm/api.rst: KVM_CHECK_EXTENSION */
export interface KvmCaps {
  /** KVM_CAP_SPAPR_TCE (63): 4K views of less than 4 GiB at 0. */
  readonly spaprTce: boolean;
  /** KVM_CAP_SPAPR_TCE_64 (125): views of any page size and start. */
  readonly spaprTce64: boolean;
  /** KVM_CAP_SPAPR_TCE_VFIO (142): a view can drive hardware tables. */
  readonly spaprTceVfio: boolean;
  /** KVM_CAP_SPAPR_MULTITCE (94) and KVM_CAP_PPC_ENABLE_HCALL (104): lists and fills in the kernel. */
  readonly multiTce: boolean;
}

export const KVM_CAPS_ALL: KvmCaps = {
  spaprTce: true,
  spaprTce64: true,
  spaprTceVfio: true,
  multiTce: true,
};

/** PHBs have indexes from 0 to this. @see [QEMU] hw/ppc/spapr.c: SPAPR_MAX_PHBS */
export const PHB_INDEX_MAX = 30;

export type MachineVersion = `pseries-${number}.${number}`;

/** QEMU as it is started; what is left out is as in QEMU 7.2 on a host without KVM. */
export interface QemuConfig {
  readonly machine: MachineVersion;
  readonly switches: QemuSwitches;
  readonly features: QemuFeatures;
  /** What KVM can do; null for a machine that runs without. */
  readonly kvm?: KvmCaps | null;
  /** Consecutive entries of a view in KVM that one access may cover; 1 lets others come in between any two. */
  readonly entriesAtOnce?: number;
  /** Bytes of a page of the host, as a shift. */
  readonly hostPageShift?: number;
  /** Bytes of the smallest page behind guest memory, as a shift: the host's, or larger ones of hugetlb memory. */
  readonly ramPageShift?: number;
}

/** The same with nothing left out. */
export interface CompleteConfig extends Required<QemuConfig> {
  readonly switches: WindowSwitches & HostSwitches;
}

/** QEMU 7.2 as it was released. */
export const QEMU_7_2: CompleteConfig = {
  machine: 'pseries-7.2',
  switches: {
    defWinClear: 'unfixed',
    createAddrCheck: 'unfixed',
    nbTruncation: 'unfixed',
    shiftCheck: 'unfixed',
    replayPolicy: 'skipOnCreate',
    postLoadGeomCheck: 'unfixed',
    ...HOST_SWITCHES_7_2,
  },
  features: {
    ddwCalls: true,
    sixOutputQuery: true,
    queryReports2M: true,
    restoresDefaultWindow: true,
    streamVersion: 3,
  },
  kvm: null,
  entriesAtOnce: Number.MAX_SAFE_INTEGER,
  hostPageShift: 16,
  ramPageShift: 16,
};

/** Fills in what was left out. */
export const completed = (config: QemuConfig): CompleteConfig => ({
  ...QEMU_7_2,
  ...config,
  switches: { ...QEMU_7_2.switches, ...config.switches },
});

/** Is the machine version this one or an older one? */
export function isUpTo(machine: MachineVersion, major: number, minor: number): boolean {
  const [, ours = 0, our = 0] = /^pseries-(\d+)\.(\d+)$/.exec(machine)?.map(Number) ?? [];
  return ours < major || (ours === major && our <= minor);
}

/** Can PHBs come and go? Then there is a connector for each that there could be. @see [QEMU] hw/ppc/spapr.c: spapr_machine_3_1_class_options */
export const hasPhbConnectors = ({ machine }: QemuConfig): boolean => !isUpTo(machine, 3, 1);

/**
 * A PHB's properties: those given, and the machine version's defaults for the rest.
 * @see [QEMU] hw/ppc/spapr.c: spapr_machine_4_1_class_options, spapr_machine_2_6_class_options
 */
export function phbProperties(machine: MachineVersion, device: PhbDevice): PhbProperties {
  return {
    index: device.index,
    pgsz: device.pgsz ?? (isUpTo(machine, 4, 1) ? PAGE_SIZE_MASK_UP_TO_4_1 : PAGE_SIZE_MASK_DEFAULT),
    dmaWinAddr: device.dmaWinAddr ?? ioba(DEFAULT_WINDOW_START),
    dmaWinSize: device.dmaWinSize ?? bytes(DEFAULT_WINDOW_BYTES),
    dma64WinAddr: device.dma64WinAddr ?? ioba(DYNAMIC_WINDOW_START),
    ddw: device.ddw ?? !isUpTo(machine, 2, 6),
  };
}
