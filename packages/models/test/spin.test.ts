import { fileURLToPath } from 'node:url';
import { breadthFirst, promelaOf } from '@spapr-dma/checker';
import { describe, expect, test } from 'vitest';
import { spinLacks, spinRun } from '../../../spin.base.ts';
import { loadModels, modelOf } from '../src/index.ts';

const lacks = spinLacks();
const spin = lacks === null ? 'Spin' : `Spin (skipped: ${lacks})`;

const { models } = loadModels(fileURLToPath(new URL('../../../', import.meta.url)));

describe.skipIf(lacks !== null)(`${spin}, searching what is exported, visits the same`, () => {
  test.each(['releaseWaits=unfixed', 'rangeCheck=full', 'createFailure=rtasError', 'B-46-in-newest'])(
    '%s',
    async (name) => {
      const { model } = modelOf(models.find((each) => each.name === name)!);
      const { states, transitions } = breadthFirst(model, { until: 'all', symmetry: false });
      const { text } = promelaOf(model);
      const found = await spinRun(text, { states, flags: ['-O0', '-DSAFETY', '-DNOREDUCE'] });
      // Spin takes the start for a step of its own.
      expect({ states: found.states, transitions: found.transitions - 1 }).toEqual({ states, transitions });
    },
  );
});
