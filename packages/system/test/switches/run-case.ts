import type { SystemState } from '../../src/choices.ts';
import { costOf } from '../../src/costs.ts';
import { messageText } from '../../src/message-text.ts';
import { settingsOf } from '../../src/presets.ts';
import { vfioIn } from '../../src/properties/host-state.ts';
import { unwatched, type Watched, watched, watchedAtRest } from '../../src/properties/watch.ts';
import { SIZES } from '../../src/sizes.ts';
import { hostAtEnd } from '../../src/story/host-at-end.ts';
import { runScript } from '../../src/story/run-script.ts';
import { participantsOf } from '../../src/story/setup.ts';
import { windowsOf } from '../../src/story/windows.ts';
import { storyOf } from '../systems.ts';
import type { Arrived, Run } from './run.ts';
import type { Fields, MachineCase } from './switch-case.ts';

export const violatedOf = (all: readonly Watched[]): Run['violated'] =>
  Object.fromEntries(
    all.flatMap(({ property, violated }) => (violated === null ? [] : [[property.name, violated.text]])),
  );

export const lockedOf = (state: SystemState): Run['locked'] =>
  Object.fromEntries((vfioIn(state)?.mms ?? []).map(({ process, lockedPages }) => [process, lockedPages]));

/** Plays a case with one value of its setting. */
export function runCase(
  { setting, also = {}, size = 'minimal', machine, script }: MachineCase,
  value: string,
): Run {
  const story = storyOf({ machine, script: script as readonly Fields[] });
  const settings = settingsOf('repaired', { ...also, [setting]: value });
  const participants = participantsOf(story.machine, settings, size);
  const arrived: Arrived[] = [];
  let known = unwatched();
  let steps = 0;
  const end = runScript(story, participants, settings, SIZES[size], (moved, before) => {
    steps += 1;
    const toEnvironment = moved.sent.filter(({ to }) => to === 'environment');
    for (const each of [...(moved.delivered === null ? [] : [moved.delivered]), ...toEnvironment]) {
      const { from, to, message } = each;
      const sender = from === 'environment' ? message.from : from;
      const receiver = to === 'environment' ? message.to : to;
      arrived.push({ from: sender, to: receiver, type: message.type, text: messageText(message), message });
    }
    known = watched(known, { before, moved, cost: costOf(moved) }, steps);
  });
  return {
    arrived,
    windows: windowsOf(participants, end.state),
    host: hostAtEnd(end.state),
    locked: lockedOf(end.state),
    violated: violatedOf(watchedAtRest(known, end.state, steps)),
    mistakes: end.mistakes,
  };
}
