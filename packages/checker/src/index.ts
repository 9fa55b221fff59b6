export { breadthFirst } from './breadth-first.js';
export { CheckpointError } from './checkpoint/checkpoint-error.js';
export { depthFirst } from './depth-first.js';
export { MACHINE_FAILURE } from './findings.js';
export {
  type Address,
  ENVIRONMENT,
  type Environment,
  type Guards,
  type InFlight,
  type Message,
  type Model,
  type ModelMachine,
  type Offer,
  type OfferSource,
  type OrderOfSteps,
  type Transition,
} from './model.js';
export { partialOrderFaults } from './partial-order-check.js';
export { type PromelaModel, promelaOf } from './promela.js';
export type {
  CheckedProperty,
  Deadlock,
  Invariant,
  Judgement,
  LeadsTo,
  ObservedMove,
  Observer,
  Reads,
  Sometimes,
  View,
} from './property.js';
export { type RandomWalkOptions, randomWalks } from './random-walk.js';
export type { Progress, SearchResult, Trace, TraceStep, Violation } from './result.js';
export { type OrderedSearchOptions, search, searchAsync } from './search.js';
export type { NearestFirstOptions, SearchOptions } from './search-options.js';
export { interchangeable, type LocalParts, type Permutation, renaming, together } from './symmetry.js';
export { startKept, symmetryFaults } from './symmetry-check.js';
export { type RenameHints, renamed } from './symmetry-renamed.js';
