import type { Charted } from '../chart/charted.js';
import type { PlayedCounterexample } from './play.js';

/** A played counterexample as a chart shows it: its steps after the setup, and what they changed. */
export const chartedCounterexample = ({
  counterexample: { title, preset, model },
  participants,
  messages,
  steps,
  violation,
  others,
}: PlayedCounterexample): Charted => ({
  title: `${model}: ${title}`,
  preset,
  participants,
  messages,
  properties: [
    ...(violation === null ? [] : [violation]),
    ...others.map((other) => ({ ...other, name: `also ${other.name}` })),
  ].map(({ name, step, text }) => ({ name, firstStep: step, text })),
  changes: steps.map(({ n, to, changes }) => ({ step: n, participant: to, texts: changes })),
  clock: 'step',
});
