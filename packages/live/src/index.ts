export type { LiveOptions } from './run/options.js';
export type { FindingKind, LiveFinding, LiveProgress, LiveReport } from './run/report.js';
export type { CallTarget, StartTarget } from './target.js';
