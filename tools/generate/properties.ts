import { loadStories, PROPERTIES, type Story } from '@spapr-dma/system';
import { code, type GeneratedDocument, generated, isStarted, table, write } from './document.ts';

const stories = loadStories();

const conditionText = (condition: Story['needs']): string =>
  Object.entries(condition)
    .map(([name, values]) => code(`${name}=${values.join('|')}`))
    .join(' ');

/** The stories that violate a property on purpose, with the values that make them do so. */
const violationsOf = (property: string): readonly string[] =>
  stories.flatMap(({ id, holds }) =>
    holds
      .filter(({ violated }) => violated.some((each) => each === property))
      .map(({ when }) => {
        const told = conditionText(when);
        const link = `[${id}](../stories/${id}.story.json)`;
        return told === '' ? link : `${link} with ${told}`;
      }),
  );

/** What is checked after every step, and what breaks it. */
export function propertiesDocument(): GeneratedDocument {
  return generated('properties', 'the properties and stories of packages/system', 'Properties', [
    'What is checked after every step of a run. `S-` is safety, `L-` that calls end and what they cost. A property also says',
    'what a run must have met for it to say anything, and a test holds that some story has met it.',
    '',
    ...table(
      ['property', 'always', 'reached when', 'violated in the story'],
      PROPERTIES.map(({ name, title, sometimes }) => [
        name,
        title,
        sometimes,
        violationsOf(name).join('<br>') || '–',
      ]),
    ),
    '',
    'A story that violates a property says so, and is as expected; with the switch fixed the same story holds:',
    '`npx spapr-dma run create-overlapping --set createAddrCheck=fixed`. Properties without such a story are violated by',
    'tests of `packages/system` that hand them a doctored step.',
  ]);
}

if (isStarted(import.meta.url)) write(propertiesDocument());
