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

/** Behaviours that a preset turns on and off; the unfixed value stands first. @see spec 60 section C */
export interface QemuSwitches {
  /** B-31: does a table forget that it was the default window when it is disabled? */
  readonly defWinClear: 'unfixed' | 'fixed';
  /** B-32: does a create look whether its address is free? */
  readonly createAddrCheck: 'unfixed' | 'fixed';
  /** B-33: are windows of 2^32 entries and more refused before their count is cut to 32 bits? */
  readonly nbTruncation: 'unfixed' | 'fixed';
  /** B-53: are shifts above 63 refused? */
  readonly shiftCheck: 'unfixed' | 'fixed';
  /** B-01: is a window that a create has just made replayed to the notifiers? */
  readonly replayPolicy: 'always' | 'skipOnCreate';
  /** B-29: is a loaded table of the same size but another geometry enabled anew? */
  readonly postLoadGeomCheck: 'unfixed' | 'fixed';
}

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

/** PHBs have indexes from 0 to this. @see [QEMU] hw/ppc/spapr.c: SPAPR_MAX_PHBS */
export const PHB_INDEX_MAX = 30;

export type MachineVersion = `pseries-${number}.${number}`;

export interface QemuConfig {
  readonly machine: MachineVersion;
  readonly switches: QemuSwitches;
  readonly features: QemuFeatures;
}

/** QEMU 7.2 as it was released. */
export const QEMU_7_2: QemuConfig = {
  machine: 'pseries-7.2',
  switches: {
    defWinClear: 'unfixed',
    createAddrCheck: 'unfixed',
    nbTruncation: 'unfixed',
    shiftCheck: 'unfixed',
    replayPolicy: 'skipOnCreate',
    postLoadGeomCheck: 'unfixed',
  },
  features: {
    ddwCalls: true,
    sixOutputQuery: true,
    queryReports2M: true,
    restoresDefaultWindow: true,
    streamVersion: 3,
  },
};

/** Is the machine version this one or an older one? */
export function isUpTo(machine: MachineVersion, major: number, minor: number): boolean {
  const [, ours = 0, our = 0] = /^pseries-(\d+)\.(\d+)$/.exec(machine)?.map(Number) ?? [];
  return ours < major || (ours === major && our <= minor);
}

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
