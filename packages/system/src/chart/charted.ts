import type { PropertyResult, StoryMessage, StoryResult } from '../story/result.js';

/** What a chart shows of a run. */
export interface Charted extends Pick<StoryResult, 'title' | 'preset' | 'participants'> {
  readonly messages: readonly StoryMessage[];
  /** Violations stand behind the messages of the step that brought them. */
  readonly properties: readonly Pick<PropertyResult, 'name' | 'firstStep' | 'text'>[];
  /** What became different in each step, at the machine that moved; a story's chart says nothing of it. */
  readonly changes?: readonly StepChanges[];
  /** What stands in front of each message: when it came, which is the default, or its step. */
  readonly clock?: 'time' | 'step';
}

export interface StepChanges {
  readonly step: number;
  readonly participant: string;
  readonly texts: readonly string[];
}
