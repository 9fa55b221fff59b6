import { describe, expect, test } from 'vitest';
import { FUNCTIONS_NOT_COMPARED, FUNCTIONS_NOT_WATCHED } from './compared.ts';
import { hostOf } from './hosts.ts';
import { isCompared } from './matching.ts';
import { playSection } from './play-section.ts';
import { type Episode, type RecordedCall, readCallOrder, type Section } from './read-call-order.ts';

const sections = readCallOrder();
const played = ({ letter, ...section }: Section) => playSection({ letter, ...section }, hostOf(letter));

/** Marks at which nothing can be compared, since the recording ends with them. */
const isEnd = ({ operation, ret, calls }: Episode): boolean =>
  operation !== null && ret === null && calls.length === 0;

describe.each(sections.map((section) => [section.letter, section.title, section] as const))(
  '%s. %s',
  (_letter, _title, section) => {
    test('the machines run the functions of the recording in its order', () => {
      const { compared, difference } = played(section);
      expect(difference).toBeNull();
      expect(compared).toBe(
        section.episodes.filter((episode) => episode !== section.episodes.at(-1) || !isEnd(episode)).length,
      );
    });

    test('a doctored recording is refused at the doctored call', () => {
      const places = section.episodes.flatMap(({ calls }, episode) =>
        calls.flatMap((call, at) => (isCompared(call) ? [{ episode, at, call }] : [])),
      );
      // Every place would take a minute.
      for (const { episode, at, call } of places.filter((_, index) => index % 6 === 0)) {
        for (const doctor of [withoutCall, withOtherNumber, moreOften]) {
          const calls = doctor(section.episodes[episode]!.calls, at);
          if (calls === null) continue;
          const episodes = section.episodes.with(episode, { ...section.episodes[episode]!, calls });
          const { difference } = played({ ...section, episodes });
          expect(difference, `${doctor.name} of ${call.fn}, line ${call.line}`).not.toBeNull();
          expect(difference).toContain(section.episodes[episode]!.mark);
        }
      }
    });
  },
);

type Doctor = (calls: readonly RecordedCall[], at: number) => readonly RecordedCall[] | null;

const withoutCall: Doctor = (calls, at) => calls.toSpliced(at, 1);

const moreOften: Doctor = (calls, at) => calls.with(at, { ...calls[at]!, times: calls[at]!.times + 1 });

const QUANTITIES = [
  'kref',
  'pages',
  'inc',
  'used',
  'mapped',
  'num',
  'levels',
  'enable',
  'win',
  'size',
  'shift',
];
/** One of the numbers that a probe showed is one more. */
const withOtherNumber: Doctor = (calls, at) => {
  const call = calls[at]!;
  const name = QUANTITIES.find((each) => call.args[each] !== undefined);
  if (name === undefined) return null;
  const args = { ...call.args, [name]: String(BigInt(call.args[name]!) + 1n) };
  return calls.with(at, { ...call, args });
};

test('what is not watched stands nowhere in the recording, and no function is in both lists', () => {
  const recorded = new Set(
    sections.flatMap(({ episodes }) =>
      episodes.flatMap(({ calls, late }) => [...calls, ...late].map(({ fn }) => fn)),
    ),
  );
  expect(FUNCTIONS_NOT_WATCHED.filter((fn) => recorded.has(fn) || fn in FUNCTIONS_NOT_COMPARED)).toEqual([]);
});
