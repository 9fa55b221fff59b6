import { describe, expect, test } from 'vitest';
import { listPresets, presetNames, settingsOf } from '../src/presets.ts';
import { PROPERTIES } from '../src/properties/index.ts';
import { expectationsOf } from '../src/story/judge.ts';
import type { StoryResult } from '../src/story/result.ts';
import { runStory } from '../src/story/run-story.ts';
import { isMet } from '../src/story/story.ts';
import { loadStories } from '../src/story/story-files.ts';

const stories = loadStories();
const results = new Map<string, StoryResult>();

describe.each(stories)('$id: $title', (story) => {
  test.each(story.presets)('goes as told in preset %s', (preset) => {
    const result = runStory(story, { preset });
    results.set(`${story.id} ${preset}`, result);
    expect(result.mistakes).toEqual([]);
    expect(result.outcome).toBe('as-expected');
  });

  test('reaches something in each preset: a message that must arrive, or a report', () => {
    for (const preset of story.presets) {
      const { settings } = results.get(`${story.id} ${preset}`)!;
      const blocks = expectationsOf(story, settings);
      const facts = blocks.flatMap(({ met, reports }) => [
        ...met.filter(({ times }) => times !== 0),
        ...reports,
      ]);
      expect(facts.length, preset).toBeGreaterThan(0);
    }
  });

  test('says in each preset which windows there are at the end', () => {
    for (const preset of story.presets) {
      const { settings } = results.get(`${story.id} ${preset}`)!;
      const blocks = expectationsOf(story, settings).filter(({ windows }) => windows !== null);
      expect(blocks.length, preset).toBe(1);
    }
  });
});

test.each(stories)('$id names the presets in which it makes sense', ({ presets, needs }) => {
  const sensible = presetNames.filter((preset) => isMet(needs, settingsOf(preset)));
  expect([...presets].sort()).toEqual([...sensible].sort());
});

const versions = listPresets()
  .map(({ name }) => name)
  .filter((name) => !presetNames.includes(name));

describe.each(versions)('with %s', (preset) => {
  test.each(stories)('$id comes to its end, and goes as told where it makes sense', (story) => {
    const result = runStory(story, { preset });
    expect(result.mistakes).toEqual([]);
    expect(result.applies).toBe(isMet(story.needs, result.settings));
  });
});

test('a story that makes no sense with the settings says nothing of its end', () => {
  const story = stories.find(({ id }) => id === 'ddw-direct')!;
  const { applies, mistakes, outcome } = runStory(story, { preset: '2015' });
  expect([applies, mistakes, outcome]).toEqual([false, [], 'as-expected']);
});

test('a story goes the same way each time', () => {
  const story = stories.find(({ id }) => id === 'two-phbs')!;
  expect(runStory(story, { preset: '2019' })).toEqual(runStory(story, { preset: '2019' }));
});

/** Properties that say something only where a story has a host in it. */
const ofHost = new Set(
  'S-1 S-2 S-3 S-4 S-6 S-7 S-8 S-9 S-11 S-12 S-14 S-15 S-18 S-19 L-3 L-4 L-5 L-7 L-8 L-9'.split(' '),
);
const hasHost = stories.some(({ machine }) => machine.host !== null);
const reachable = PROPERTIES.filter(({ name }) => hasHost || !ofHost.has(name));

test.each(reachable.map(({ name, sometimes }) => [name, sometimes]))('%s: in some story %s', (name) => {
  const reached = [...results.values()].some(({ properties }) =>
    properties.some((property) => property.name === name && property.reached),
  );
  expect(reached).toBe(true);
});

test.each(presetNames)('some story runs in preset %s', (preset) => {
  expect(stories.some(({ presets }) => presets.includes(preset))).toBe(true);
});

test('with every switch fixed no property is violated in any story', () => {
  const violated = [...results.values()]
    .filter(({ preset }) => preset === 'repaired')
    .flatMap(({ name, properties }) =>
      properties.filter(({ holds }) => !holds).map((property) => `${name}: ${property.name}`),
    );
  expect(violated).toEqual([]);
});

/** A switch, the property that its unfixed value violates, and the story that shows it. */
test.each`
  story                       | set                    | unfixed      | fixed             | property  | why
  ${'create-overlapping'}     | ${'createAddrCheck'}   | ${'unfixed'} | ${'fixed'}        | ${'S-13'} | ${'overlap'}
  ${'create-odd-shifts'}      | ${'shiftCheck'}        | ${'unfixed'} | ${'fixed'}        | ${'S-13'} | ${'page shift 76'}
  ${'migration-moved-window'} | ${'postLoadGeomCheck'} | ${'unfixed'} | ${'fixed'}        | ${'S-13'} | ${'devices find it at'}
  ${'create-truncated'}       | ${'nbTruncation'}      | ${'unfixed'} | ${'fixed'}        | ${'S-21'} | ${'QEMU ends on ibm,create-pe-dma-window'}
  ${'create-truncated'}       | ${'nbTruncation'}      | ${'unfixed'} | ${'fixed'}        | ${'L-1'}  | ${'never answered: QEMU is gone'}
  ${'create-with-listener'}   | ${'replayPolicy'}      | ${'always'}  | ${'skipOnCreate'} | ${'L-2'}  | ${'takes 172 s'}
  ${'default-window-lost'}    | ${'defWinClear'}       | ${'unfixed'} | ${'fixed'}        | ${'L-6'}  | ${'the PHB has no window left'}
`(
  '$property is violated in $story where $set is $unfixed, and holds where it is $fixed',
  ({ story: id, set, unfixed, fixed, property, why }) => {
    const story = stories.find((each) => each.id === id)!;
    const resultOf = (value: string) =>
      runStory(story, { preset: 'repaired', set: { [set]: value } }).properties.find(
        ({ name }) => name === property,
      )!;
    expect(resultOf(unfixed)).toMatchObject({ holds: false, expected: false });
    expect(resultOf(unfixed).text).toContain(why);
    expect(resultOf(fixed)).toMatchObject({ holds: true, expected: true, firstStep: null, text: '' });
  },
);

/** A window of four entries has no room for the buffers of these. */
const tooLarge = ['boot-emulated', 'ddw-disabled', 'vfio-boot'];

describe.each(
  stories.filter(({ id, machine }) => machine.guest && machine.phbs.length === 0 && !tooLarge.includes(id)),
)('$id at the size for searching', (story) => {
  test('comes to its end there too, and violates nothing', () => {
    const result = runStory(story, { preset: 'repaired', size: 'minimal' });
    expect(result.mistakes).toEqual([]);
    expect(result.properties.filter(({ holds }) => !holds)).toEqual([]);
  });
});
