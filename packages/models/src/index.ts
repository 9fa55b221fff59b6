export { choicesOfTrace } from './choices-of-trace.js';
export type {
  MachineScenario,
  ModelEntry,
  Models,
  ProcessEntry,
  ProcessStep,
  ProcessWhen,
  ScenarioEntry,
  VmmProcess,
  VmmScenario,
} from './entries.js';
export type { EnvironmentState } from './environment.js';
export { ModelsError } from './errors.js';
export { askedProperty, type BuiltModel, type ModelOptions, modelOf } from './model-of.js';
export { checkedProperty, livenessProperty } from './properties.js';
export { loadModels, modelsSchema, readModels } from './read-models.js';
export { symmetryOf } from './symmetry.js';
export type { VmmState } from './userspace-environment.js';
