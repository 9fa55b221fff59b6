import { SCENARIOS } from '@spapr-dma/capture';
import type { Answer } from '../answer.js';
import { table } from '../text/table.js';

const titles = ['scenario', 'kernel', ''];

/** `spapr-dma capture --list`: what can be recorded. */
export function listScenarios(): Answer {
  const scenarios = SCENARIOS.map(({ name, shows, kernel, memory, vcpus }) => ({
    name,
    shows,
    kernel,
    memory,
    vcpus,
  }));
  const document = { scenarios, error: null };
  return {
    status: 0,
    document,
    text: () =>
      table(
        titles.map((title) => ({ title })),
        scenarios.map(({ name, kernel, shows }) => [name, kernel, shows]),
      ),
  };
}
