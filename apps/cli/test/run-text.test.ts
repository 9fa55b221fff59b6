import type { PropertyResult, StoryResult } from '@spapr-dma/system';
import { expect, test } from 'vitest';
import { runStatus } from '../src/run/run.js';
import { outcomeText, storiesText } from '../src/run/run-text.js';
import { plain } from '../src/text/paint.js';

const property = (name: string, firstStep: number | null): PropertyResult => ({
  name,
  title: 'What always holds.',
  holds: firstStep === null,
  expected: true,
  firstStep,
  text: firstStep === null ? '' : 'What went wrong.',
  reached: true,
});

const good: StoryResult = {
  name: 'good',
  title: 'A good story',
  preset: 'newest',
  size: 'power9',
  settings: {},
  steps: 1200,
  messages: [],
  log: [],
  time: 0,
  properties: [property('S-13', null), property('L-6', null)],
  applies: true,
  outcome: 'as-expected',
  mistakes: [],
  windows: [],
  host: null,
  reports: [],
  aborted: null,
  participants: [],
};

const bad: StoryResult = {
  ...good,
  name: 'bad',
  properties: [property('S-13', 4), property('L-6', null)],
  outcome: 'unexpected',
  mistakes: ['S-13: What went wrong.'],
};

test('a story that ended otherwise is told in the table, with what was unexpected', () => {
  expect(storiesText([good, bad, { ...good, name: 'other', applies: false }], plain)).toBe(
    [
      'story  preset  steps  messages  properties        outcome',
      'good   newest  1,200         0  2 hold            as expected',
      'bad    newest  1,200         0  1 hold, not S-13  unexpected',
      'other  newest  1,200         0  2 hold            not meant for these settings',
      '',
      '3 stories, 1 unexpected; 1 not meant for these settings.',
      'bad: S-13: What went wrong.',
      '',
    ].join('\n'),
  );
});

test('a story that ended otherwise is told below its chart', () => {
  expect(outcomeText(good, plain)).toBe('Properties: 2 hold; as expected.\n');
  expect(outcomeText(bad, plain)).toBe(
    'Properties: 1 hold, not S-13; unexpected.\n  S-13: What went wrong.\n',
  );
});

test('the status is 0 as expected, 1 where a story ended otherwise, 2 where one could not be played', () => {
  expect(runStatus([good], null)).toBe(0);
  expect(runStatus([good, bad], null)).toBe(1);
  expect(runStatus([good, bad], { line: null, text: 'interrupted' })).toBe(2);
});
