import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { StoryError } from '../errors.js';
import { readStory } from './read-story.js';
import type { Story, StorySummary } from './story.js';

/** Where the repository keeps its stories. */
export const storiesFolder = (): string => fileURLToPath(new URL('../../../../stories/', import.meta.url));

const EXTENSION = '.story.json';

const namesIn = (folder: string): readonly string[] =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder)
        .filter((name) => name.endsWith(EXTENSION))
        .sort()
    : [];

function storyIn(folder: string, name: string): Story {
  const story = readStory(fs.readFileSync(`${folder}${name}`, 'utf8'), `stories/${name}`);
  if (`${story.id}${EXTENSION}` !== name) {
    throw new StoryError(
      `stories/${name}: id: must be '${name.slice(0, -EXTENSION.length)}', as the file is named`,
    );
  }
  return story;
}

/** Every story, in the order of their names. @throws StoryError for a file that is no story */
export const loadStories = (folder = storiesFolder()): readonly Story[] =>
  namesIn(folder).map((name) => storyIn(folder, name));

/** What there is to run. @throws StoryError for a file that is no story */
export const listStories = (folder = storiesFolder()): readonly StorySummary[] =>
  loadStories(folder).map(({ id, title, shows, presets, size }) => ({ id, title, shows, presets, size }));

/** @throws StoryError for an unknown id, listing those there are, or for a file that is no story */
export function loadStory(id: string, folder = storiesFolder()): Story {
  const names = namesIn(folder);
  if (!names.includes(`${id}${EXTENSION}`)) {
    const known = names.map((name) => name.slice(0, -EXTENSION.length)).join(', ');
    throw new StoryError(`There is no story '${id}'; there are: ${known}.`);
  }
  return storyIn(folder, `${id}${EXTENSION}`);
}
