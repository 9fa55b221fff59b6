import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root, textOf } from '../checks/repository.ts';
import { writeCommand, writtenText } from '../generate/document.ts';
import { mutationDocument } from '../generate/mutation.ts';
import { FAULTY_SOURCES, type Fault, planted } from '../mutate/fault.ts';
import { FAULTS } from '../mutate/faults/index.ts';
import { parseOptions, UsageError } from '../mutate/options.ts';
import {
  caughtBy,
  digestOf,
  isUnnoticed,
  keptResult,
  merged,
  type Result,
  verdictOf,
} from '../mutate/result.ts';
import { SURVIVORS } from '../mutate/survivors.ts';

const kept = keptResult();
const sourceOf = (file: string): string => textOf(`${FAULTY_SOURCES}/${file}`) ?? '';

test('every fault finds its text once in the source that it names', () => {
  const lost = FAULTS.flatMap((fault) => {
    try {
      planted(sourceOf(fault.file), fault);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  expect(lost, 'the sources have changed: let tools/mutate/faults follow them').toEqual([]);
});

test('there are at least 60 faults, each with a name of its own that no other one begins with', () => {
  expect(FAULTS.length).toBeGreaterThanOrEqual(60);
  const names = FAULTS.map(({ name }) => name);
  const taken = names.filter((name, at) => names.some((other, i) => i !== at && other.startsWith(name)));
  expect(taken).toEqual([]);
});

test('every fault says in a sentence what is wrong', () => {
  expect(FAULTS.filter(({ what }) => !/^\S.{20,}\.$/.test(what)).map(({ name }) => name)).toEqual([]);
});

/** Sources that no fault is planted in, and why. */
const WITHOUT_FAULT: Readonly<Record<string, string>> = {
  'canonical.ts': 'what a state is called: the machine never asks',
  'frames-qemu.ts': 'types',
  'frames-vfio.ts': 'types',
  'frames.ts': 'types',
  'guest-memory.ts': 'where QEMU has guest memory is our own choice',
  'host-switches.ts': 'types and the values of QEMU 7.2',
  'index.ts': 'what others see of the package',
  'places.ts': 'names of the places at which a task waits; one that is missing stops every run',
  'qemu-abort.ts': 'names of assertions',
  'qemu-functions.ts': 'functions by name',
  'sent.ts': 'makes messages of what others decided',
  'steps.ts': 'makes steps of what others decided',
  'task.ts': 'types',
  'threads.ts': 'types',
  'vfio-errors.ts': 'texts of errors',
  'vfio-functions.ts': 'functions by name',
  'vfio-places.ts': 'names of the places at which a task waits; one that is missing stops every run',
  'vfio-sent.ts': 'makes messages of what others decided',
  'vfio-state.ts': 'types, and lists by their key',
};

test('every source that does something has a fault', () => {
  const sources = readdirSync(`${root}/${FAULTY_SOURCES}`);
  const hit = new Set(FAULTS.map(({ file }) => file));
  expect(sources.filter((file) => !hit.has(file) && !(file in WITHOUT_FAULT))).toEqual([]);
  expect(Object.keys(WITHOUT_FAULT).filter((file) => hit.has(file) || !sources.includes(file))).toEqual([]);
});

test('what is kept was found out with the faults as they stand, and is about enough of them', () => {
  const digests = new Map(FAULTS.map((fault) => [fault.name, digestOf(fault)]));
  const stale = Object.entries(kept).filter(([name, { digest }]) => digests.get(name) !== digest);
  expect(
    stale.map(([name]) => name),
    'judge these anew: npm run mutate -- --keep --only NAME',
  ).toEqual([]);
  expect(Object.keys(kept).length).toBeGreaterThanOrEqual(60);
});

test('a fault that nobody noticed is explained, and no other one', () => {
  const unnoticed = Object.keys(kept).filter((name) => isUnnoticed(kept[name]!));
  expect(unnoticed.sort()).toEqual(Object.keys(SURVIVORS).sort());
});

test('docs/mutation.md is what its script writes', () => {
  const document = mutationDocument();
  expect(writtenText(document), `out of date; write it anew: ${writeCommand('mutation')}`).toBe(
    document.text,
  );
});

const example: Fault = {
  name: 'x',
  file: 'a.ts',
  what: 'One is two.',
  before: 'return 1;',
  after: "return '$&';",
};

test('a fault is planted as it is written', () => {
  expect(planted('if (a) return 1;\nreturn 0;', example)).toBe("if (a) return '$&';\nreturn 0;");
});

test.each`
  case                         | source                       | after          | says
  ${'its text is not there'}   | ${'return 0;'}               | ${'return 2;'} | ${'stands 0 times in a.ts'}
  ${'its text is there twice'} | ${'return 1; { return 1; }'} | ${'return 2;'} | ${'stands 2 times in a.ts'}
  ${'it changes nothing'}      | ${'return 1;'}               | ${'return 1;'} | ${'changes nothing'}
`('a fault is refused where $case', ({ source, after, says }) => {
  expect(() => planted(source, { ...example, after })).toThrow(says);
});

const result = (digest: string, verdicts: Result[string]['verdicts']): Result => ({
  x: { digest, verdicts },
});

test('a result joins an older one, unless that is of another text of the fault', () => {
  const digest = digestOf(example);
  const caught = verdictOf(['one', 'two']);
  const silent = verdictOf([]);
  const old = result(digest, { logs: caught, units: silent });
  const now = result(digest, { units: caught, live: silent });
  expect(merged(old, now, [example])).toEqual(result(digest, { logs: caught, units: caught, live: silent }));
  expect(merged(result('older', { logs: caught }), now, [example])).toEqual(now);
  expect(merged(old, {}, [])).toEqual({});
  expect(caughtBy({ digest, verdicts: { logs: caught, units: silent } })).toEqual(['logs']);
});

test('a fault is one that nobody noticed where all were silent who can be asked everywhere', () => {
  const names = ['logs', 'vectors', 'cases', 'timelines', 'stories', 'laws', 'units'] as const;
  const silent = Object.fromEntries(names.map((judge) => [judge, null]));
  expect(isUnnoticed({ digest: '', verdicts: silent })).toBe(true);
  expect(isUnnoticed({ digest: '', verdicts: { ...silent, live: 'it differs' } })).toBe(false);
  const { stories, ...others } = silent;
  expect(stories).toBeNull();
  expect(isUnnoticed({ digest: '', verdicts: others })).toBe(false);
});

test('what is kept of a complaint is its beginning', () => {
  expect(verdictOf(['a'.repeat(200), 'b'])).toHaveLength(160);
  expect(verdictOf([])).toBeNull();
});

test.each`
  args                             | says
  ${['--only', 'nothing-like-it']} | ${'there is no fault nothing-like-it; --list names them'}
  ${['--judges', 'logs,nobody']}   | ${'there is no judge nobody'}
  ${['--judges', '']}              | ${'there is no judge ""'}
  ${['--jobs', '0']}               | ${'--jobs takes a number from 1 to 16'}
  ${['--jobs', 'two']}             | ${'and not two'}
  ${['--unheard']}                 | ${"Unknown option '--unheard'"}
`('refused: $args', ({ args, says }) => {
  expect(() => parseOptions(args, FAULTS)).toThrow(UsageError);
  expect(() => parseOptions(args, FAULTS)).toThrow(says);
});

test('faults are named by how they begin, judges by their names', () => {
  const options = parseOptions(
    ['--only', 'x', '--judges', 'logs, units,logs', '--jobs', '2'],
    [example, { ...example, name: 'y' }],
  );
  expect(options).toEqual({
    faults: [example],
    judges: ['logs', 'units'],
    jobs: 2,
    json: false,
    keep: false,
  });
});

test('--list names every fault with what is wrong', () => {
  expect(parseOptions(['--list'], [example])).toBe('x (a.ts): One is two.');
});
