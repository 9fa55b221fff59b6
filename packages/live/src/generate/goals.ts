import { type Phb, phbOfIndex, type QemuState, tablesOfPhb, windowsOfPhb } from '@spapr-dma/qemu-spapr';
import type { RtasMade } from '@spapr-dma/trace';
import { createCall, removeCall, resetCall } from './ddw-calls.js';
import type { Random } from './random.js';
import type { Scene } from './scene.js';
import { type Choice, Choices, type Steering } from './steering.js';
import { overlap } from './window-facts.js';
import { usualShift } from './window-shapes.js';

/** A condition that windows are brought to: the next call on the way there, or null where it is reached or lost. */
type Step = (random: Random, qemu: QemuState, phb: Phb) => RtasMade | null;

/** log2 of the entries of the windows that are made on the way; the default window has 2^18. */
const ENTRIES_SHIFT_MAX = 11;
const DEFAULT_ENTRIES_SHIFT = 18;
/** A slot is stuck by a window of 2^32 entries. */
const STUCK_SHIFT = 32;
const STEPS_MAX = 8;

const isStuck = (qemu: QemuState, { properties }: Phb): boolean =>
  tablesOfPhb(qemu, properties.index).some(({ mode }) => mode === 'stuck');

function create(random: Random, phb: Phb, entriesShift: number): RtasMade | null {
  const pageShift = usualShift(random, phb.properties.pgsz);
  return pageShift === undefined ? null : createCall(phb, pageShift, pageShift + entriesShift);
}

/** Two windows of one PHB at one address: the default one goes while another one is there, and a new one comes. */
const overlapping: Step = (random, qemu, phb) => {
  const windows = windowsOfPhb(qemu, phb.properties.index);
  const [first, second] = windows;
  if (first !== undefined && second !== undefined) {
    return overlap(first, second) ? null : removeCall(first.liobn);
  }
  return create(random, phb, 1 + random.below(ENTRIES_SHIFT_MAX));
};

/** No window at all: the default one goes last. */
const empty: Step = (_, qemu, { properties }) => {
  const window = windowsOfPhb(qemu, properties.index).toSorted(
    (a, b) => Number(a.defWin) - Number(b.defWin),
  )[0];
  return window === undefined ? null : removeCall(window.liobn);
};

/** A window in slot 0 that is not the default one, though its slot remembers that one. */
const madeInDefaultSlot: Step = (random, qemu, phb) => {
  const [window, other] = windowsOfPhb(qemu, phb.properties.index);
  if (window === undefined) return create(random, phb, 1 + random.below(ENTRIES_SHIFT_MAX));
  if (other !== undefined) return removeCall(other.liobn);
  const isDefault =
    window.busOffset === phb.properties.dmaWinAddr && window.nbTable >= 2 ** DEFAULT_ENTRIES_SHIFT;
  return isDefault ? removeCall(window.liobn) : null;
};

/** Slot 0 has as many entries as by default, elsewhere or of other pages: a stream does not tell the two apart. */
const otherOfSameCount: Step = (random, qemu, phb) => {
  const [window, other] = windowsOfPhb(qemu, phb.properties.index);
  const isInSlot0 = window?.owner.kind === 'phb' && window.owner.slot === 0;
  if (window === undefined || !isInSlot0) return create(random, phb, DEFAULT_ENTRIES_SHIFT);
  if (window.nbTable !== 2 ** DEFAULT_ENTRIES_SHIFT) return removeCall(window.liobn);
  if (window.pageShift !== 12 || window.busOffset !== phb.properties.dmaWinAddr) return null;
  return other === undefined && random.chance(0.5) ? create(random, phb, 4) : removeCall(window.liobn);
};

const stuck: Step = (random, qemu, phb) => {
  if (isStuck(qemu, phb)) return null;
  const windows = windowsOfPhb(qemu, phb.properties.index);
  const [window] = windows;
  if (windows.length === 2 && window !== undefined) return removeCall(window.liobn);
  return create(random, phb, STUCK_SHIFT + random.below(16));
};

/** Two windows and a third one asked for. */
const full: Step = (random, qemu, phb) =>
  windowsOfPhb(qemu, phb.properties.index).length === 2
    ? null
    : create(random, phb, random.below(ENTRIES_SHIFT_MAX));

/** The last window goes, which is not the default one: that one comes back. */
const restored: Step = (random, qemu, phb) => {
  const windows = windowsOfPhb(qemu, phb.properties.index);
  const other = windows.find(({ defWin }) => !defWin);
  if (other === undefined) return windows.length === 2 ? null : create(random, phb, 3);
  const def = windows.find(({ defWin }) => defWin);
  return removeCall((def ?? other).liobn);
};

const reset: Step = (_, qemu, phb) =>
  windowsOfPhb(qemu, phb.properties.index).length === 1 ? null : resetCall(phb, 0);

/** A goal, and whether it shows its worth after a migration only. */
export interface Goal {
  readonly step: Step;
  readonly wantsMigration: boolean;
}

/** Where a goal is pursued. */
interface Pursuit extends Goal {
  readonly phb: number;
  steps: number;
}

/** Brings the windows of PHBs to conditions that calls by chance seldom meet. */
export class Goals {
  readonly #goals: Choices<Scene, Goal>;
  readonly #random: Random;
  #pursuit: Pursuit | null = null;
  #reached: Goal | null = null;

  constructor(random: Random, steering: Steering) {
    this.#random = random;
    const goal = (name: string, weight: number, step: Step, wantsMigration = false): Choice<Scene, Goal> => ({
      name,
      weight,
      make: () => ({ step, wantsMigration }),
    });
    this.#goals = new Choices<Scene, Goal>(steering, 'goal', [
      goal('two windows that overlap', 30, overlapping),
      goal('no window', 20, empty),
      goal('made window in the default slot', 20, madeInDefaultSlot),
      goal('window with as many entries as the default one', 15, otherOfSameCount, true),
      goal('both slots taken', 20, full),
      goal('default window restored', 15, restored),
      goal('default window alone', 5, reset),
      goal('stuck slot', 3, stuck, true),
    ]);
  }

  /** The goal that was just reached, once; null where none was. */
  takeReached(): Goal | null {
    const reached = this.#reached;
    this.#reached = null;
    return reached;
  }

  /** The next call of what is pursued; null where there is nothing to do. */
  next(scene: Scene, qemu: QemuState): RtasMade | null {
    const pursuit = this.#pursuit ?? this.#chosen(scene);
    const phb = pursuit === null ? undefined : phbOfIndex(qemu, pursuit.phb);
    if (pursuit === null || phb?.mode !== 'present') {
      this.#pursuit = null;
      return null;
    }
    const isLost = pursuit.steps >= STEPS_MAX;
    const call = isLost ? null : pursuit.step(this.#random, qemu, phb);
    if (call === null) {
      this.#reached = isLost ? null : pursuit;
      this.#pursuit = null;
    }
    pursuit.steps++;
    return call;
  }

  #chosen(scene: Scene): Pursuit | null {
    const phbs = scene.phbs.filter(({ properties }) => properties.ddw);
    if (phbs.length === 0) return null;
    const goal = this.#goals.make(this.#random, scene);
    return { ...goal, phb: this.#random.pick(phbs).properties.index, steps: 0 };
  }
}
