export { Coverage, type StatusCounts, unreachedIn } from './coverage/coverage.js';
export {
  type SpecificationCoverage,
  SpecificationRecorder,
  type UnreachedPlace,
} from './coverage/specification-coverage.js';
export { type DocumentedStatus, STATUSES, statusesOf } from './coverage/statuses.js';
export { answerText, callText, differenceText, stepText } from './findings/answer-text.js';
export { Generator, type GeneratorOptions, type Shares } from './generate/generator.js';
export { MachinePlanner, type PlanOptions } from './generate/plan-machine.js';
export { Random } from './generate/random.js';
export type { GuestPlaces, GuestRange, Specified } from './generate/specified.js';
export { isDmaSafe, isListSafe, LIVE_PLACES } from './machine/layout.js';
export { LiveError } from './machine/live-error.js';
export { LiveMachine, type LiveMachineOptions } from './machine/live-machine.js';
export { MemoryDiffers } from './machine/memory-differs.js';
export type { LiveOptions } from './run/options.js';
export type { FindingKind, LiveFinding, LiveProgress, LiveReport } from './run/report.js';
export { runLive } from './run/run-live.js';
export type { CallTarget, StartTarget } from './target.js';
