export {
  chart,
  listPresets,
  listStories,
  listSwitches,
  loadStory,
  type PresetSummary,
  parseSettings,
  type RunOptions,
  runStory,
  type SwitchSummary,
  traceOf,
} from './api.js';
export { SettingsError, StoryError } from './errors.js';
export type { Size } from './sizes.js';
export { type Stepped, type Stepper, stepper } from './stepper.js';
export type { Story, StorySummary } from './story.js';
export type {
  LoggedLine,
  PropertyResult,
  StoryMessage,
  StoryResult,
  StoryStep,
  WindowAtEnd,
} from './story-result.js';
