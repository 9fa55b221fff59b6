export { type CanonicalRun, type CanonicalTces, canonicalTces, tcesFromCanonical } from './canonical.js';
export { mappedCount, mappedCountIn, nonZeroCount } from './count.js';
export {
  type DifferenceVisitor,
  type DifferentRunVisitor,
  forEachDifference,
  forEachDifferentRun,
} from './difference.js';
export { edit, type TceEditor, withTces } from './edit.js';
export { withFill } from './fill.js';
export {
  allLevelPages,
  allocatedBytes,
  allocatedTableCount,
  hasLevelPages,
  type LevelPages,
  levelPages,
  withLevelPages,
  withLevelPagesIn,
} from './level-pages.js';
export {
  chargedBytes,
  contiguousBytesMax,
  fullBytes,
  fullTableCount,
  type LevelRequest,
  type LevelShape,
  levelBytes,
  levelShape,
  levelsMax,
} from './levels.js';
export { withTce, withTceHalves } from './put.js';
export { fingerprint, sameTces } from './same.js';
export { type TceTable, tceAt, tceHighAt, tceLowAt, tceTable } from './table.js';
export { type EntryVisitor, forEachMapped, forEachNonZero, forEachRun, type RunVisitor } from './walk.js';
