import { describe, expect, test } from 'vitest';
import { progressAlong } from './follow-timeline.ts';
import { playRecording } from './play-recording.ts';
import { readTimeline, type TimelineLine } from './read-timeline.ts';
import { RECORDINGS } from './recordings.ts';

/** Lines of a recording that are doctored, evenly spread: each is a run of its own. */
const DOCTORED = 4;

describe.each(RECORDINGS.map((recording) => [recording.name, recording] as const))(
  '%s',
  (name, recording) => {
    test('the five machines show what the real ones showed, in its order', () => {
      const { compared, difference } = playRecording(recording);
      expect(difference).toBeNull();
      expect(compared).toHaveLength(recording.phases.length);
    });

    test('a doctored recording is refused', () => {
      const lines = readTimeline(name);
      const places = progressAlong(lines).lines.map((line) => lines.indexOf(line));
      for (let each = 0; each < DOCTORED; each += 1) {
        const at = places[Math.floor(((each + 0.5) / DOCTORED) * places.length)]!;
        for (const doctored of [lines.toSpliced(at, 1), lines.with(at, withOtherNumber(lines[at]!))]) {
          if (doctored[at] === lines[at]) continue;
          const { difference } = playRecording(recording, doctored);
          expect(difference, `line ${lines[at]!.line}, ${lines[at]!.name}`).not.toBeNull();
        }
      }
    });
  },
);

const QUANTITIES = [
  'kref',
  'pages',
  'mapped',
  'levels',
  'win',
  'size',
  'shift',
  'entries',
  'liobn',
  'start',
  'offset',
];
/** The same line with one more of what it tells; itself where it tells of no quantity. */
function withOtherNumber(line: TimelineLine): TimelineLine {
  const name = QUANTITIES.find((each) => line.args[each] !== undefined);
  if (name === undefined) return line;
  return { ...line, args: { ...line.args, [name]: String(BigInt(line.args[name]!) + 1n) } };
}
