import { type PlayedCounterexample, showsAgain } from '@spapr-dma/system';
import type { Fault } from '../answer.js';

/** Steps as `--json` tells them. */
export const stepsDocument = ({ steps }: PlayedCounterexample) =>
  steps.map(({ n, from, to, message, changes, text }) => ({ n, from, to, message, changes, text }));

/** A counterexample that was played from a file. */
export const playedDocument = (file: string, played: PlayedCounterexample) => {
  const { counterexample, setupSteps, violation, others, comesBack, atRest } = played;
  const { model, title, preset, settings, size, property, loopAfter } = counterexample;
  return {
    file,
    model,
    title,
    preset,
    switches: settings,
    size,
    property,
    loopAfter,
    setupSteps,
    shown: showsAgain(played),
    violation,
    others,
    comesBack,
    atRest,
    steps: stepsDocument(played),
    error: null,
  };
};

/** The document of a file that cannot be played. */
export const unplayedDocument = (file: string, error: Fault) => ({
  file,
  model: null,
  title: null,
  preset: null,
  switches: null,
  size: null,
  property: null,
  loopAfter: null,
  setupSteps: null,
  shown: null,
  violation: null,
  others: [],
  comesBack: null,
  atRest: null,
  steps: [],
  error,
});
