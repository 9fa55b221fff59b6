export { InputError, openInput } from './input.js';
export { runVectors, type VectorsOptions, type VectorsReport } from './vectors/run-vectors.js';
