export type { CallTarget, StartTarget } from './target.js';
