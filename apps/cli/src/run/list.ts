import { listPresets, listStories, listSwitches } from '@spapr-dma/system';
import type { Answer } from '../answer.js';
import { table } from '../text/table.js';

const titled = (...titles: readonly string[]) => titles.map((title) => ({ title }));

/** `spapr-dma run --list`: what can be played, and what can be set. */
export function list(): Answer {
  const stories = listStories().map(({ id, title, shows, presets, size }) => ({
    name: id,
    title,
    shows,
    presets,
    size,
  }));
  const presets = listPresets().map(({ name, qemu, linux, guest, settings }) => ({
    name,
    qemu,
    linux,
    guest,
    settings,
  }));
  const switches = listSwitches().map(({ name, kind, component, values, text, source }) => ({
    name,
    kind,
    component,
    values,
    text,
    source,
  }));
  const document = { stories, presets, switches, error: null };
  return {
    status: 0,
    document,
    text: () =>
      [
        table(
          titled('story', 'presets', ''),
          stories.map((story) => [story.name, story.presets.join(' '), story.title]),
        ),
        table(
          titled('preset', 'QEMU', 'host', 'guest'),
          presets.map(({ name, qemu, linux, guest }) => [name, qemu, linux, guest]),
        ),
        table(
          titled('switch', 'values', ''),
          switches.map(({ name, component, values, source, text }) => [
            name,
            component,
            values.join(' | '),
            source,
            text,
          ]),
        ),
      ].join('\n'),
  };
}
