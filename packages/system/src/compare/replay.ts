import { bytes, type MonitorReturn, type RtasReturn } from '@spapr-dma/protocol';
import { MAIN_THREAD } from '@spapr-dma/qemu-spapr';
import { SettingsError } from '../errors.js';
import { settingsOf } from '../presets.js';
import type { Settings } from '../settings.js';
import { SIZES } from '../sizes.js';
import { runScript } from '../story/run-script.js';
import { participantsOf } from '../story/setup.js';
import { vcpu } from '../story/verb.js';
import { Meter, type MeteredCall } from './meter.js';
import { entriesIn } from './missed-entries.js';
import type { Fill, ReplayCell, ReplayRequest, ReplaySituation } from './replay-request.js';
import { replayStory } from './replay-story.js';

export const SITUATIONS: readonly ReplaySituation[] = ['create', 'hot-add'];

/** The call that a situation is about. */
const CALLS: Readonly<Record<ReplaySituation, MeteredCall>> = {
  create: {
    begins: ({ type }) => type === 'ibm,create-pe-dma-window',
    thread: vcpu(0),
    ends: ({ type, to }) => type === 'rtas-return' && to === 'guest-kernel',
  },
  'hot-add': {
    begins: ({ type }) => type === 'device_add',
    thread: MAIN_THREAD,
    ends: ({ type }) => type === 'monitor-return',
  },
};

/** Why there is nothing to compare; null where the call did what was asked. */
function refusalOf({ answer, complaint }: Meter): string | null {
  const why = complaint === null ? '' : `: ${complaint}`;
  if (answer?.type === 'rtas-return') {
    const { call, status } = answer as unknown as RtasReturn;
    return status === 'SUCCESS' ? null : `${call} answers ${status}${why}.`;
  }
  if (answer?.type === 'monitor-return') {
    const { ok, error } = answer as unknown as MonitorReturn;
    return ok ? null : `device_add fails: ${error}.`;
  }
  return `QEMU comes to no answer${why}.`;
}

/**
 * Plays one situation with one policy and reads the figures.
 * @throws SettingsError where the software of the preset cannot have such a window
 */
export function replayCell(
  request: ReplayRequest,
  value: string,
  situation: ReplaySituation,
  entryShift: number,
  fill: Fill,
): ReplayCell {
  const settings: Settings = settingsOf(request.preset, { ...request.set, replayPolicy: value });
  if (settings.ddwCalls === 'false') {
    throw new SettingsError(
      `With ${request.preset} there is nothing to compare: QEMU has no calls for windows.`,
    );
  }
  const story = replayStory(request, situation, entryShift, fill);
  const participants = participantsOf(story.machine, settings, 'power9');
  const meter = new Meter(CALLS[situation], request.units);
  const sizes = { ...SIZES.power9, ram: bytes(request.ram) };
  const { state } = runScript(story, participants, settings, sizes, (moved) => meter.step(moved));
  const refusal = refusalOf(meter);
  if (refusal !== null) {
    throw new SettingsError(`With ${request.preset} there is nothing to compare: ${refusal}`);
  }
  const { steps, faults, nanoseconds, exits } = meter;
  return {
    value,
    situation,
    entries: 2 ** entryShift,
    fill,
    ...entriesIn(state),
    steps,
    nanoseconds,
    stalls: nanoseconds > request.stallSeconds * 1e9,
    faults,
    exits,
  };
}
