import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { assign, createMachine } from 'xstate';
import { remember } from '../src/answers.ts';
import { BreadthFirst, breadthFirst } from '../src/breadth-first.ts';
import { CheckpointError } from '../src/checkpoint/checkpoint-error.ts';
import type { Header } from '../src/checkpoint/format.ts';
import { readCheckpoint } from '../src/checkpoint/read-checkpoint.ts';
import { writeCheckpoint } from '../src/checkpoint/write-checkpoint.ts';
import type { Model } from '../src/model.ts';
import { nearestFirst } from '../src/nearest-first.ts';
import { ParallelSearch } from '../src/parallel/parallel-search.ts';
import type { SearchOptions } from '../src/search-options.ts';
import { anyModel, modelOf } from './any-model.ts';
import { CLASSICS, counters } from './classics/index.ts';
import { outcomeOf } from './outcome.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  file = join(folder, 'search.checkpoint');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const EAGER = { aloneBelow: 1, startAt: 1, roundMax: 16, grain: 1, waits: true, helps: true };

const searchBy = (workers: number, model: Model, options: SearchOptions): BreadthFirst =>
  workers === 1
    ? new BreadthFirst(remember(model), options)
    : new ParallelSearch(model, options, workers, EAGER);

/** Searches to its end or a bound, and writes down where that is. */
function interrupted(search: BreadthFirst): BreadthFirst {
  try {
    while (!search.advance());
    writeCheckpoint(search, file);
    return search;
  } finally {
    search.end();
  }
}

function resumed(search: BreadthFirst): BreadthFirst {
  readCheckpoint(search, file);
  return search;
}

describe('a search that goes on from a checkpoint comes to what an uninterrupted one comes to', () => {
  // Its levels are wide enough for one thread to look at its bounds amidst them.
  const model = counters(9, 2);

  test.each`
    before | after
    ${1}   | ${1}
    ${1}   | ${3}
    ${3}   | ${1}
    ${3}   | ${3}
  `('written by $before, gone on from by $after, again and again', ({ before, after }) => {
    const stops = [4000, 7500, 10_000].map((statesMax, at) => {
      const workers = at % 2 === 0 ? before : after;
      const search = searchBy(workers, model, { statesMax });
      if (at > 0) resumed(search);
      const { next, levelEnd, bound, store } = interrupted(search);
      return { bound, isAmidLevel: next < levelEnd, isFurther: store.size >= statesMax };
    });
    expect(stops).toEqual(Array(3).fill({ bound: 'states', isAmidLevel: true, isFurther: true }));
    expect(outcomeOf(resumed(searchBy(after, model, {})).run())).toEqual(outcomeOf(breadthFirst(model)));
  });

  test.each(CLASSICS.map((model) => [model.name, model] as const))(
    '%s, from each of its first levels',
    (_, model) => {
      const options: SearchOptions = { until: 'all' };
      const whole = outcomeOf(breadthFirst(model, options));
      for (let depthMax = 0; depthMax < 6; depthMax += 1) {
        interrupted(searchBy(1, model, { ...options, depthMax }));
        expect(outcomeOf(resumed(searchBy(1, model, options)).run())).toEqual(whole);
      }
      expect(outcomeOf(resumed(searchBy(2, model, options)).run())).toEqual(whole);
    },
  );

  test('for any model', () => {
    const options = fc.record({
      until: fc.constantFrom('first' as const, 'all' as const),
      depthMax: fc.nat({ max: 3 }),
    });
    fc.assert(
      fc.property(anyModel, options, (parts, { until, depthMax }) => {
        const model = modelOf(parts);
        interrupted(searchBy(1, model, { until, depthMax }));
        // Without a bound, some go on for ever.
        const options = { until, depthMax: 4 };
        const after = resumed(searchBy(1, model, options)).run();
        expect(outcomeOf(after)).toEqual(outcomeOf(breadthFirst(model, options)));
      }),
      { numRuns: 50 },
    );
  }, 60_000);

  test('time goes on from there too', () => {
    const { seconds } = interrupted(searchBy(1, model, { statesMax: 4000 })).position;
    expect(resumed(searchBy(1, model, {})).run().seconds).toBeGreaterThan(seconds);
  });
});

describe('a search as one asks for it', () => {
  const model = counters(4, 8);

  test('writes a checkpoint where a bound ends it, and goes on from it with another bound', () => {
    const checkpoint = { file, everySeconds: 1000 };
    rmSync(file, { force: true });
    expect(nearestFirst(model, { depthMax: 9, checkpoint }).bound).toBe('depth');
    expect(nearestFirst(model, { depthMax: 12, checkpoint, resume: file, workers: 2 }).depth).toBe(12);
    expect(outcomeOf(nearestFirst(model, { resume: file }))).toEqual(outcomeOf(breadthFirst(model)));
  });

  test('writes one every so often', () => {
    const wide = counters(9, 2);
    const sizes: number[] = [];
    rmSync(file, { force: true });
    // Each look at the clock finds it a little later.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 40;
      return now;
    });
    nearestFirst(wide, {
      checkpoint: { file, everySeconds: 0.3 },
      onProgress: () => sizes.push(existsSync(file) ? statSync(file).size : 0),
    });
    clock.mockRestore();
    const written = [...new Set(sizes)];
    expect(written).toEqual([...written].sort((a, b) => a - b));
    expect(written.length).toBeGreaterThan(3);
    expect(written.length).toBeLessThan(sizes.length / 2);
    expect(outcomeOf(nearestFirst(wide, { resume: file }))).toEqual(outcomeOf(breadthFirst(wide)));
  });

  test('says what it cannot do', () => {
    expect(() => nearestFirst(model, { workers: 0 })).toThrow(RangeError);
    expect(() => nearestFirst(model, { partialOrder: true, resume: file })).toThrow(RangeError);
  });
});

/** A machine that counts by steps of one or, where it is another, of two. */
const counting = (by: number, name = 'counting', title = 'It counts'): Model => ({
  name,
  machines: [
    {
      name: 'counter',
      machine: createMachine({
        context: { n: 0 },
        on: { tick: { actions: assign({ n: ({ context }) => (context.n + by) % 1000 }) } },
      }) as Model['machines'][number]['machine'],
      ownMoves: () => [{ type: 'tick' }],
    },
  ],
  route: () => null,
  properties: [{ kind: 'sometimes', name: 'S', title, reads: { machines: [] }, holds: () => true }],
});

describe('what is no checkpoint of a search is refused with one sentence', () => {
  const model = counting(1);
  let whole: Uint8Array<ArrayBuffer>;
  beforeAll(() => {
    interrupted(searchBy(1, model, { depthMax: 100 }));
    whole = Uint8Array.from(readFileSync(file));
  });

  /** What going on from these bytes says. */
  function refusal(bytes: Uint8Array, of: Model = model): string {
    writeFileSync(file, bytes);
    try {
      resumed(searchBy(1, of, {}));
    } catch (error) {
      expect(error).toBeInstanceOf(CheckpointError);
      return (error as Error).message.replace(file, 'FILE');
    }
    return 'none';
  }

  const changed = (change: (view: DataView) => void): Uint8Array => {
    const copy = whole.slice();
    change(new DataView(copy.buffer));
    return copy;
  };

  const headerLength = () => new Uint32Array(whole.buffer, 16, 1)[0]!;

  /** With another header, and a checksum that is right. */
  function withHeader(change: (header: Header) => object): Uint8Array {
    const length = headerLength();
    const text = new TextDecoder().decode(whole.subarray(20, 20 + length));
    const header = new TextEncoder().encode(JSON.stringify(change(JSON.parse(text))).padEnd(length + 64));
    const padded = new Uint8Array(Math.ceil(header.length / 4) * 4).fill(0x20);
    padded.set(header);
    const body = Buffer.concat([whole.subarray(0, 20), padded, whole.subarray(20 + length, -4)]);
    body.writeUInt32LE(padded.length, 16);
    return Buffer.concat([body, new Uint8Array(Uint32Array.of(crc32(body)).buffer)]);
  }

  /** With another number at a place of the body, and a checksum that is right. */
  function withNumber(at: number, value: number): Uint8Array {
    const body = Buffer.from(whole.subarray(0, -4));
    body.writeInt32LE(value, at);
    return Buffer.concat([body, new Uint8Array(Uint32Array.of(crc32(body)).buffer)]);
  }

  /** With another length of the last question. */
  const withJournal = (length: number): Uint8Array => {
    const header = JSON.parse(new TextDecoder().decode(whole.subarray(20, 20 + headerLength())));
    const end = 20 + headerLength() + 4 * header.journal;
    // The last question is for the moves of a machine: its kind, its length, and three numbers.
    return withNumber(end - 16, length);
  };

  /** With another local state in a row. */
  const withRow = (row: number, local: number): Uint8Array => {
    const { rows, width } = JSON.parse(new TextDecoder().decode(whole.subarray(20, 20 + headerLength())));
    return withNumber(whole.length - 4 - 4 * rows * (width + 1) + 4 * row * width, local);
  };

  const withPosition = (change: object) =>
    withHeader((header) => ({ ...header, position: { ...header.position, ...change } }));

  test('the file itself is none of these', () => {
    expect(refusal(whole)).toBe('none');
    expect(refusal(withHeader((header) => header))).toBe('none');
  });

  test('wherever it is cut short', () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), (length) => {
        expect(refusal(whole.subarray(0, length))).toBe(
          length < 20 ? 'FILE is no checkpoint' : 'FILE is cut short',
        );
      }),
    );
  });

  test('whichever byte is another', () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
        expect(refusal(changed((view) => view.setUint8(at, view.getUint8(at) ^ by)))).toMatch(/^FILE is /);
      }),
    );
  });

  test.each`
    what                             | bytes                                                                                            | says
    ${'no file of ours'}             | ${() => new TextEncoder().encode('{"format": "spapr-dma-models"}')}                              | ${'FILE is no checkpoint'}
    ${'another version'}             | ${() => changed((view) => view.setUint32(12, 7, true))}                                          | ${'FILE is a checkpoint of version 7, and only version 1 is known'}
    ${'the other byte order'}        | ${() => changed((view) => view.setUint32(8, 0x01020304, false))}                                 | ${'FILE was written by a machine of the other byte order'}
    ${'no byte order'}               | ${() => changed((view) => view.setUint32(8, 5, true))}                                           | ${'FILE is damaged: it says nothing of its byte order'}
    ${'a header of 4 GB'}            | ${() => changed((view) => view.setUint32(16, 0xfffffffc, true))}                                 | ${'FILE is cut short'}
    ${'more after its end'}          | ${() => Buffer.concat([whole, Uint8Array.of(0, 0, 0, 0)])}                                       | ${'FILE is damaged: it goes on after its end'}
    ${'a checksum that is wrong'}    | ${() => changed((view) => view.setUint8(whole.length - 40, 99))}                                 | ${'FILE is damaged: its checksum is wrong'}
    ${'more rows than there are'}    | ${() => withHeader((header) => ({ ...header, rows: 4_000_000_000 }))}                            | ${'FILE is cut short'}
    ${'a count below zero'}          | ${() => withHeader((header) => ({ ...header, rows: -1 }))}                                       | ${'FILE is damaged: it does not begin as a checkpoint does'}
    ${'a position beyond its rows'}  | ${() => withPosition({ levelEnd: 1e6 })}                                                         | ${'FILE is damaged: it does not begin as a checkpoint does'}
    ${'a finding beyond its rows'}   | ${() => withPosition({ found: [{ property: 0, verdict: 0, row: 1e6, ordinal: 0, length: 1 }] })} | ${'FILE is damaged: it does not begin as a checkpoint does'}
    ${'a finding of no property'}    | ${() => withPosition({ found: [{ property: 9, verdict: 0, row: 0, ordinal: 0, length: 1 }] })}   | ${'FILE is damaged: its findings are none of the model'}
    ${'a journal that is none'}      | ${() => withJournal(-3)}                                                                         | ${'FILE is damaged: its journal is none'}
    ${'a row that is there already'} | ${() => withRow(40, 0)}                                                                          | ${'FILE is damaged: its states are none of the model'}
    ${'a row of no state'}           | ${() => withRow(40, 5000)}                                                                       | ${'FILE is damaged: its states are none of the model'}
  `('$what', ({ bytes, says }) => {
    expect(refusal(bytes())).toBe(says);
  });

  test.each`
    what                                    | of                                       | says
    ${'another model'}                      | ${counting(1, 'another')}                | ${'FILE is a checkpoint of counting, not of another'}
    ${'another property'}                   | ${counting(1, 'counting', 'It is fast')} | ${'FILE is a checkpoint of another counting: its machines, start, properties or symmetry differ'}
    ${'a machine that does something else'} | ${counting(2)}                           | ${'counting answers otherwise than when FILE was written'}
  `('$what', ({ of, says }) => {
    expect(refusal(whole, of)).toBe(says);
  });

  test('no file at all, and none that can be written', () => {
    rmSync(file, { force: true });
    expect(() => resumed(searchBy(1, model, {}))).toThrow(CheckpointError);
    const search = searchBy(1, model, {});
    expect(() => writeCheckpoint(search, join(folder, 'nowhere', 'file'))).toThrow(CheckpointError);
  });

  test('what was left of a checkpoint that was not finished is in nobody’s way', () => {
    writeFileSync(file, whole);
    writeFileSync(`${file}.tmp`, whole.subarray(0, 100));
    const search = resumed(searchBy(1, model, {}));
    writeCheckpoint(search, file);
    expect(existsSync(`${file}.tmp`)).toBe(false);
    expect(outcomeOf(resumed(searchBy(1, model, {})).run())).toEqual(outcomeOf(breadthFirst(model)));
  });
});
