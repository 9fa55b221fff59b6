import { settingsOf } from '../../src/presets.ts';
import { initialState } from '../../src/pure-driver.ts';
import { SIZES } from '../../src/sizes.ts';
import { participantsOf } from '../../src/story/setup.ts';
import { choiceOf } from '../../src/story/verbs.ts';
import { guidedRun, NotExplained, type Offering } from '../call-order/guided-run.ts';
import { storyOf } from '../systems.ts';
import { progressAlong, TIMELINE, type TimelineProgress } from './follow-timeline.ts';
import { phasesOf, readTimeline } from './read-timeline.ts';
import type { Recording } from './recordings.ts';

/** The machines of the recordings, whatever a preset says else. */
const PRESET = 'newest';

/** How a recording went: the parts that were compared, and the first difference. */
export interface PlayedRecording {
  readonly compared: readonly string[];
  readonly difference: string | null;
}

/** Plays a recording's machine and operator in the specification, part by part. */
export function playRecording(recording: Recording): PlayedRecording {
  const parts = phasesOf(readTimeline(recording.name))
    .map(({ name, lines }) => ({ name, progress: progressAlong(lines) }))
    .filter(({ progress }) => progress.lines.length > 0);
  const story = storyOf({
    machine: { guest: true, ...recording.machine },
    size: 'power9',
    script: recording.phases.flatMap(([, script]) => script),
  });
  const settings = settingsOf(PRESET);
  const participants = participantsOf(story.machine, settings, 'power9');
  const offeringOf =
    (index: number): Offering =>
    (state) =>
      choiceOf(story.script[index]!.action, {
        state,
        settings,
        sizes: SIZES.power9,
        machine: story.machine,
        mappings: {},
        stream: null,
      });

  const compared: string[] = [];
  let names: TimelineProgress['names'] = new Map();
  let state = initialState(participants);
  let at = 0;
  for (const [index, { name, progress }] of parts.entries()) {
    const [begins, script] = recording.phases[index] ?? [];
    if (begins === undefined || !name.startsWith(begins)) {
      return { compared, difference: `nothing is done for '${name}'` };
    }
    const offerings = script!.map((_, step) => offeringOf(at + step));
    at += offerings.length;
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
