import type { PlayedCounterexample } from '@spapr-dma/system';
import type { Host } from '../host.js';
import { stepText } from './played-text.js';

/** All steps; with somebody at a terminal, each when Enter is pressed. Returns what was not printed by then. */
export async function stepByStep(played: PlayedCounterexample, { keys, paint }: Host): Promise<string> {
  const texts = played.steps.map((step) => stepText(played, step, paint));
  if (keys === null) return texts.join('');
  for (const [index, text] of texts.entries()) {
    keys.print(text);
    if (index + 1 < texts.length && !(await keys.enter())) return texts.slice(index + 1).join('');
  }
  return '';
}
