export { Generator, type GeneratorOptions, type Shares } from './generate/generator.js';
export { MachinePlanner, type PlanOptions } from './generate/plan-machine.js';
export { Random } from './generate/random.js';
export type { GuestPlaces, GuestRange, Specified } from './generate/specified.js';
export type { LiveOptions } from './run/options.js';
export type { FindingKind, LiveFinding, LiveProgress, LiveReport } from './run/report.js';
export type { CallTarget, StartTarget } from './target.js';
