import { callsFinish } from './l-01-calls-finish.js';
import { stallBudget } from './l-02-stall-budget.js';
import { defaultWindow } from './l-06-default-window.js';
import type { AnyProperty } from './property.js';
import { noLostUpdate } from './s-05-no-lost-update.js';
import { indexRange } from './s-10-index-range.js';
import { geometry } from './s-13-geometry.js';
import { flagDiscipline } from './s-16-flag-discipline.js';
import { liobnUniqueness } from './s-17-liobn-uniqueness.js';
import { newWindowEmpty } from './s-20-new-window-empty.js';
import { noAbort } from './s-21-no-abort.js';

/** The properties of guest and QEMU, in the order of their names. */
export const PROPERTIES: readonly AnyProperty[] = [
  noLostUpdate,
  indexRange,
  geometry,
  flagDiscipline,
  liobnUniqueness,
  newWindowEmpty,
  noAbort,
  callsFinish,
  stallBudget,
  defaultWindow,
];
