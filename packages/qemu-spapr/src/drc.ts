import type { DrStatus } from '@spapr-dma/protocol';

/**
 * A Dynamic Reconfiguration Connector as plain data. Physical ones belong to PCI slots, logical ones to
 * PHBs; the modes are QEMU's states.
 * @see [QEMU] include/hw/ppc/spapr_drc.h: SpaprDrcState
 */
export interface Drc {
  readonly index: number;
  readonly kind: 'physical' | 'logical';
  readonly mode: 'unusable' | 'available' | 'unisolate' | 'configured' | 'poweron';
  /** Holds a device. */
  readonly occupied: boolean;
  readonly unplugRequested: boolean;
}

/** What a connector does with a guest's request: a new condition, and whether its device goes away. */
export interface DrcStep {
  readonly drc: Drc;
  readonly status: DrStatus;
  /** The guest gave the device up, so QEMU removes it now. */
  readonly released: boolean;
}

/**
 * The life of a connector: which condition follows which, by which request. The diagrams in
 * `docs/life-cycles.md` are made from this table.
 */
export const DRC_LIFE = {
  physical: {
    poweron: { unisolate: 'unisolate' },
    unisolate: { configure: 'configured' },
    configured: { isolate: 'poweron' },
  },
  logical: {
    unusable: { usable: 'available' },
    available: { unisolate: 'unisolate', unusable: 'unusable' },
    unisolate: { configure: 'configured' },
    configured: { isolate: 'available' },
  },
} as const;

/** DRC index of a PHB's connector. @see [QEMU] hw/ppc/spapr_drc.c: spapr_drc_index */
export const phbDrcIndex = (phb: number): number => 0x2000_0000 | phb;
/** DRC index of a PCI slot's connector. */
export const pciDrcIndex = (phb: number, devfn: number): number => 0x4000_0000 | (phb << 16) | devfn;

const EMPTY = { physical: 'poweron', logical: 'unusable' } as const;

/** A connector with nothing in it. */
export const emptyDrc = (index: number, kind: Drc['kind']): Drc => ({
  index,
  kind,
  mode: EMPTY[kind],
  occupied: false,
  unplugRequested: false,
});

/** A connector whose device was there when the machine started: ready without the guest's help. */
export const coldDrc = (index: number, kind: Drc['kind']): Drc => ({
  ...emptyDrc(index, kind),
  mode: 'configured',
  occupied: true,
});

/** A device comes; the guest still has to take it into use. */
export const attached = (drc: Drc): Drc => ({ ...drc, occupied: true });

const stays = (drc: Drc, status: DrStatus = 'SUCCESS'): DrcStep => ({ drc, status, released: false });
const empties = (drc: Drc): DrcStep => ({
  drc: emptyDrc(drc.index, drc.kind),
  status: 'SUCCESS',
  released: true,
});

/** An unplug is asked for. A connector the guest does not use gives its device up at once. */
export const unplugRequested = (drc: Drc): DrcStep =>
  drc.mode === EMPTY[drc.kind] ? empties(drc) : stays({ ...drc, unplugRequested: true });

/** The guest isolates: of a physical connector this ends the unplug. */
export function isolate(drc: Drc): DrcStep {
  if (drc.mode === 'unisolate') return stays(drc, 'NO_SUCH_INDICATOR');
  if (drc.mode !== 'configured') return stays(drc);
  if (drc.kind === 'logical') return stays({ ...drc, mode: 'available' });
  return drc.unplugRequested ? empties(drc) : stays({ ...drc, mode: 'poweron' });
}

/** The guest unisolates; of a logical connector in use, this says that it will not give its device up. */
export function unisolate(drc: Drc): DrcStep {
  if (drc.mode === 'configured' || drc.mode === 'unisolate') {
    return stays(drc.kind === 'logical' ? { ...drc, unplugRequested: false } : drc);
  }
  if (drc.mode === 'unusable' || !drc.occupied) return stays(drc, 'NO_SUCH_INDICATOR');
  return stays({ ...drc, mode: 'unisolate' });
}

/** The guest sets a logical connector usable. */
export function setUsable(drc: Drc): DrcStep {
  if (drc.kind === 'physical') return stays(drc, 'NO_SUCH_INDICATOR');
  if (drc.mode !== 'unusable') return stays(drc);
  if (!drc.occupied || drc.unplugRequested) return stays(drc, 'NO_SUCH_INDICATOR');
  return stays({ ...drc, mode: 'available' });
}

/** The guest sets a logical connector unusable, which ends its unplug. */
export function setUnusable(drc: Drc): DrcStep {
  if (drc.kind === 'physical') return stays(drc, 'NO_SUCH_INDICATOR');
  if (drc.mode === 'unusable') return stays(drc);
  if (drc.mode !== 'available') return stays(drc, 'NO_SUCH_INDICATOR');
  return drc.unplugRequested ? empties(drc) : stays({ ...drc, mode: 'unusable' });
}

/** The guest has read the device's description to its end. */
export function configure(drc: Drc): DrcStep {
  if (!drc.occupied || (drc.mode !== 'unisolate' && drc.mode !== 'configured')) {
    return stays(drc, 'NOT_CONFIGURABLE');
  }
  return stays({ ...drc, mode: 'configured' });
}

/** Machine reset: what waits for its unplug goes, what is there is ready again. */
export const drcReset = (drc: Drc): DrcStep =>
  drc.unplugRequested || !drc.occupied
    ? { ...empties(drc), released: drc.occupied }
    : stays(coldDrc(drc.index, drc.kind));
