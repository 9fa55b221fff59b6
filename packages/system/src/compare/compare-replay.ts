import { listSwitches } from '../settings.js';
import { replayCell, SITUATIONS } from './replay.js';
import type { ReplayCell, ReplayRequest } from './replay-request.js';

/** The switch whose values are compared by figures. */
export const REPLAY_SWITCH = 'replayPolicy';

/** The values of a setting, the unfixed one first; none where there is no such setting. */
export const valuesOfSetting = (name: string): readonly string[] =>
  listSwitches().find((setting) => setting.name === name)?.values ?? [];

/**
 * Every policy with every window and table that is asked for, one run after the other. All figures are the machines'.
 * @throws SettingsError for an unknown preset or setting, and where the software of the preset has no such windows
 */
export function* replayCells(request: ReplayRequest): Generator<ReplayCell, void, undefined> {
  for (const situation of SITUATIONS) {
    for (const entryShift of request.entryShifts) {
      for (const fill of request.fills) {
        for (const value of valuesOfSetting(REPLAY_SWITCH)) {
          yield replayCell(request, value, situation, entryShift, fill);
        }
      }
    }
  }
}

/** How many cells that are. */
export const replayCellCount = ({ entryShifts, fills }: ReplayRequest): number =>
  SITUATIONS.length * entryShifts.length * fills.length * valuesOfSetting(REPLAY_SWITCH).length;
