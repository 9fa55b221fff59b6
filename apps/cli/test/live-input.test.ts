import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';
import { recorded } from './support/vectors.ts';

const place = mkdtempSync(join(tmpdir(), 'spapr-dma-live-'));
let files = 0;

function fileOf(content: string | Buffer): string {
  const file = join(place, `input-${files++}`);
  writeFileSync(file, content);
  return file;
}

const calls = fileOf(recorded);
const binary = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7919 + (n >> 3) * 104_729) & 0xff));

/** Refused both ways; neither needs a QEMU. */
async function refused(args: readonly string[]) {
  const env = { PATH: '' };
  const [plain, json] = await Promise.all([
    spaprDma(['live', ...args], { env }),
    spaprDma(['live', ...args, '--json'], { env }),
  ]);
  expectRefusal(plain);
  expectRefusal(json);
  expect(plain.stdout).toBe('');
  return documentOf<{ error: { line: number | null; text: string } }>('live', json).error;
}

test.each`
  case                                    | args                                             | sentence
  ${'a seed that is no number'}           | ${['--seed', 'abc']}                             | ${/'abc' is invalid.* whole number from 0 to 4294967295/}
  ${'a seed that is too large'}           | ${['--seed', '4294967296']}                      | ${/whole number from 0 to 4294967295/}
  ${'no calls'}                           | ${['--calls', '0']}                              | ${/whole number from 1/}
  ${'calls below none'}                   | ${['--calls', '-5']}                             | ${/whole number from 1/}
  ${'calls with a power'}                 | ${['--calls', '1e6']}                            | ${/in digits alone/}
  ${'calls in groups'}                    | ${['--calls', '1_000_000']}                      | ${/in digits alone/}
  ${'calls in groups, with commas'}       | ${['--calls', '1,000,000']}                      | ${/in digits alone/}
  ${'a FILE with a seed'}                 | ${[calls, '--seed', '1']}                        | ${/--seed .* does not go with a FILE/}
  ${'a FILE with a folder for findings'}  | ${[calls, '--out', place]}                       | ${/--out .* does not go with a FILE/}
  ${'a FILE with --defects'}              | ${[calls, '--defects']}                          | ${/--defects .* does not go with a FILE/}
  ${'a FILE with --until-difference'}     | ${[calls, '--until-difference']}                 | ${/--until-difference .* does not go with a FILE/}
  ${'standard input twice'}               | ${['-', '-']}                                    | ${/only once/}
  ${'--defects with a switch'}            | ${['--defects', '--set', 'shiftCheck=fixed']}    | ${/sets the switches itself/}
  ${'a switch that does not exist'}       | ${[calls, '--set', 'frobnicate=fixed']}          | ${/no setting 'frobnicate'/}
  ${'a value that does not exist'}        | ${[calls, '--set', 'shiftCheck=maybe']}          | ${/'shiftCheck' cannot be 'maybe'/}
  ${'a switch that only VFIO would show'} | ${[calls, '--set', 'replayPolicy=always']}       | ${/replayPolicy makes no difference .*shiftCheck/}
  ${'no file'}                            | ${[join(place, 'missing')]}                      | ${/missing does not exist/}
  ${'a folder'}                           | ${[place]}                                       | ${/is a directory/}
  ${'an empty file'}                      | ${[fileOf('')]}                                  | ${/empty/}
  ${'a binary file'}                      | ${[fileOf(binary)]}                              | ${/line 1/}
  ${'a file that is cut'}                 | ${[fileOf(recorded.slice(0, -20))]}              | ${/line 4/}
  ${'a file of another version'}          | ${[fileOf('{"meta":9,"qemu":"x","phbs":[]}\n')]} | ${/version 9/}
  ${'a recording of a host kernel'}       | ${['vectors/powernv/mate.jsonl']}                | ${/line 1/}
`('unusable: $case', async ({ args, sentence }) => {
  expect((await refused(args)).text).toMatch(sentence);
});

test.each([[[]], [['--defects']], [[calls]]])('without QEMU, %j says how to install it', async (args) => {
  expect((await refused(args)).text).toMatch(/no command qemu-system-ppc64.*Debian package qemu-system-ppc/);
});
