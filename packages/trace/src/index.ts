export type { Divergence } from './follow/divergence.js';
export type { GivenPhb } from './follow/facts.js';
export type { Finding, FindingKind } from './follow/findings.js';
export type { FollowOptions } from './follow/options.js';
export { type FollowReport, followLog, type PhbReport, type WindowReport } from './follow/report.js';
export { InputError, openInput } from './input.js';
export { formatLine } from './log/format-line.js';
export { runVectors, type VectorsOptions, type VectorsReport } from './vectors/run-vectors.js';
