export { canonicalText } from './canonical-text.js';
export * from './channels.js';
export { CHART_FORMATS, type ChartFormat, chart, pathChart } from './chart/chart.js';
export type { Charted, StepChanges } from './chart/charted.js';
export { accessesIn, type ChartOptions } from './chart/items.js';
export * from './choices.js';
export { REPLAY_SWITCH, replayCellCount, replayCells } from './compare/compare-replay.js';
export { type ComparedRun, comparedRuns, comparedValues } from './compare/compare-stories.js';
export {
  FILLS,
  type Fill,
  type ReplayCell,
  type ReplayRequest,
  type ReplaySituation,
} from './compare/replay-request.js';
export {
  costOf,
  durationText,
  listUnitCosts,
  momentText,
  nanosecondsOf,
  UNIT_COSTS,
  type UnitCost,
  type UnitCosts,
} from './costs.js';
export { plainContext } from './counterexample/changes.js';
export {
  COUNTEREXAMPLE_FORMAT,
  type Counterexample,
  CounterexampleError,
  type MachineHost,
  machineHost,
  readCounterexample,
  type Violated,
  type VmmHost,
  vmmHost,
  writeCounterexample,
} from './counterexample/counterexample.js';
export { chartedCounterexample } from './counterexample/counterexample-chart.js';
export { type ExplainedStep, explainedStep } from './counterexample/explain.js';
export {
  type Break,
  type Judge,
  MACHINE_FAILURE,
  type PlayedCounterexample,
  type PlayOptions,
  playCounterexample,
  showsAgain,
} from './counterexample/play.js';
export { phbNodeOf, platformOf } from './device-tree.js';
export { SettingsError, StoryError } from './errors.js';
export { exitsDue } from './exits.js';
export { lifeCyclesDocument } from './life-cycles.js';
export { Bus, type BusListener, LiveSystem } from './live-driver.js';
export {
  guestParticipant,
  kvmParticipant,
  powernvParticipant,
  qemuParticipant,
  vfioParticipant,
} from './machines.js';
export { messageText } from './message-text.js';
export { type AnyMessage, ENVIRONMENT, type Participant, stepperOf } from './participants.js';
export { listPresets, type PresetSummary, presetNames, settingsOf } from './presets.js';
export { DRAINED_FACTS, HOST_SIDE, isQuiet, isRcuDrained, QUIET_FACTS } from './properties/host-state.js';
export { type InTheEnd, inTheEnd } from './properties/in-the-end.js';
export { PROPERTIES } from './properties/index.js';
export { type StallBudget, stallBudgetOf } from './properties/l-02-stall-budget.js';
export type {
  AnyProperty,
  ObservedStep,
  Property,
  StateRule,
  StateVerdict,
  Verdict,
} from './properties/property.js';
export { unwatched, type Watched, watched, watchedAtRest } from './properties/watch.js';
export { QUIET_READS } from './properties/when-quiet.js';
export { initialState, keyOf, step } from './pure-driver.js';
export { initialRoutes, receiverFor } from './routes.js';
export {
  listSwitches,
  parseSettings,
  type Setting,
  type Setting as SwitchSummary,
  type Settings,
} from './settings.js';
export { type CreateAnswer, createdWindow, type WindowHost } from './size/accepted-levels.js';
export { sizeOf } from './size/size.js';
export type { SizedWindow, SizeFailure, SizeReport, SizeRequest } from './size/size-request.js';
export { SIZES, type Size, type Sizes } from './sizes.js';
export { type Stepped, type Stepper, stepper } from './stepper.js';
export type { Action } from './story/action.js';
export * as fields from './story/fields.js';
export { windowText } from './story/judge.js';
export { parsedJson, readStory, SCRIPT_STEP, WHEN } from './story/read-story.js';
export type {
  LoggedLine,
  PropertyResult,
  StoryMessage,
  StoryResult,
  StoryStep,
  WindowAtEnd,
} from './story/result.js';
export {
  EMPTY_MEMORY,
  learned,
  type Memory,
  named,
  type Played,
  runScript,
  type ScriptEnd,
} from './story/run-script.js';
export { type RunOptions, runStory, traceOf } from './story/run-story.js';
export { scriptStepSchema, storySchema } from './story/schema.js';
export { participantsOf } from './story/setup.js';
export {
  CONDITION,
  type Condition,
  isMet,
  MACHINE_FIELDS,
  type MachineSetup,
  type ScriptStep,
  type Story,
  type StorySummary,
  type When,
} from './story/story.js';
export { listStories, loadStories, loadStory } from './story/story-files.js';
export { type Mapping, type ScriptContext, ScriptError } from './story/verb.js';
export { choiceOf, readAction } from './story/verbs.js';
export {
  isAnswer,
  isAnswered,
  VMM_DEFAULT,
  type VmmCall,
  type VmmSetup,
  vmmOffer,
  vmmParticipants,
} from './vmm.js';
export { VMM_FIELDS } from './vmm-fields.js';
