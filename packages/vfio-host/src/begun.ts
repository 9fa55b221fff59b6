import { type Answer, answer, type Rc } from './answers.js';
import type { Frame } from './frames.js';
import type { Said } from './said.js';
import type { VfioHost } from './state.js';

/** What a call begins with: its answer at once, or a function that has more to do. */
export type Begun = {
  readonly host: VfioHost;
  readonly said: readonly Said[];
} & ({ readonly answer: Answer } | { readonly frame: Frame });

const NONE: readonly Said[] = [];

export const answered = (host: VfioHost, result: Rc | Answer, said = NONE): Begun => ({
  host,
  said,
  answer: typeof result === 'object' ? result : answer(result),
});
export const goesOn = (host: VfioHost, frame: Frame, said = NONE): Begun => ({ host, said, frame });
