import { type SystemState, takes } from '../../src/choices.ts';
import { settingsOf } from '../../src/presets.ts';
import { initialState } from '../../src/pure-driver.ts';
import { SIZES } from '../../src/sizes.ts';
import { participantsOf } from '../../src/story/setup.ts';
import type { ScriptStep } from '../../src/story/story.ts';
import { choiceOf } from '../../src/story/verbs.ts';
import { guidedRun, NotExplained, type Offering, whenAtRest } from '../call-order/guided-run.ts';
import { storyOf } from '../systems.ts';
import { progressAlong, TIMELINE, type TimelineProgress } from './follow-timeline.ts';
import { phasesOf, readTimeline, type TimelineLine } from './read-timeline.ts';
import type { Recording } from './recordings.ts';

/** The machines of the recordings, whatever a preset says else. */
const PRESET = 'newest';

/** How a recording went: the parts that were compared, and the first difference. */
export interface PlayedRecording {
  readonly compared: readonly string[];
  readonly difference: string | null;
}

/** Plays a recording's machine and operator in the specification, part by part. */
export function playRecording(
  recording: Recording,
  recorded: readonly TimelineLine[] = readTimeline(recording.name),
): PlayedRecording {
  const parts = phasesOf(recorded).map(({ name, lines }) => ({
    name,
    progress: progressAlong(lines),
  }));
  const story = storyOf({
    machine: { guest: true, ...recording.machine },
    size: 'power9',
    script: recording.phases.flatMap(([, script]) => script),
  });
  const settings = settingsOf(PRESET);
  const participants = participantsOf(story.machine, settings, 'power9');
  const offeringOf = ({ action, when }: ScriptStep): Offering => {
    const choiceIn = (state: SystemState) =>
      choiceOf(action, {
        state,
        settings,
        sizes: SIZES.power9,
        machine: story.machine,
        mappings: {},
        stream: null,
      });
    if (when.kind !== 'possible') return whenAtRest(choiceIn);
    return (state) => {
      const choice = choiceIn(state);
      return choice.kind === 'offer' && takes(state.snapshots[choice.to], choice.message) ? choice : null;
    };
  };

  const compared: string[] = [];
  let names: TimelineProgress['names'] = new Map();
  let state = initialState(participants);
  const script = [...story.script];
  const phases = [...recording.phases];
  for (const { name, progress } of parts) {
    const [begins, steps] = phases[0] ?? [];
    if (begins === undefined || !name.startsWith(begins)) {
      // Where nothing is shown, nothing needs to be done.
      if (progress.lines.length === 0) continue;
      return { compared, difference: `nothing is done for '${name}'` };
    }
    phases.shift();
    const offerings = script.splice(0, steps!.length).map(offeringOf);
    try {
      const end = guidedRun(participants, { state, progress: { ...progress, names } }, offerings, TIMELINE);
      state = end.state;
      names = end.progress.names;
    } catch (error) {
      if (!(error instanceof NotExplained)) throw error;
      return { compared, difference: `${name}: ${error.message}` };
    }
    compared.push(name);
  }
  return { compared, difference: null };
}
