import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** One line each for the compiler, with the units it has at hand, and whether the line compiles. */
const LINES = [
  // Addresses of different spaces.
  ['an IOBA for a GPA', 'const x: Gpa = anIoba;', false],
  ['a GPA for an IOBA', 'const x: Ioba = aGpa;', false],
  ['a UA for an HPA', 'const x: Hpa = aUa;', false],
  ['an HPA for a GPA', 'const x: Gpa = anHpa;', false],
  ['a TCE for an IOBA', 'const x: Ioba = aTce;', false],
  ['an offset in the window for an IOBA', 'const x: Ioba = anOffset;', false],
  ['a BUID for an IOBA', 'const x: Ioba = aBuid;', false],
  // Sizes, counts, indexes.
  ['bytes for an IOBA', 'const x: Ioba = someBytes;', false],
  ['an IOBA for bytes', 'const x: Bytes = anIoba;', false],
  ['an index for a count', 'const x: TceCount = anIndex;', false],
  ['a count for an index', 'const x: TceIndex = aCount;', false],
  ['kibibytes for a count of host pages', 'const x: HostPageCount = someKib;', false],
  ['levels for a count', 'const x: TceCount = someLevels;', false],
  // Shifts of different pages.
  ['a guest page for an IOMMU page', 'const x: IommuPageShift = guestShift;', false],
  ['an IOMMU page for a host page', 'const x: HostPageShift = iommuShift;', false],
  ['a host page for a guest page', 'const x: GuestPageShift = hostShift;', false],
  ['a window shift for a page shift', 'const x: IommuPageShift = aWindowShift;', false],
  // Plain values, and names.
  ['a plain bigint for an IOBA', 'const x: Ioba = 5n;', false],
  ['a plain number for an index', 'const x: TceIndex = 5;', false],
  ['an index for a LIOBN', 'const x: Liobn = anIndex;', false],
  ['a plain string for a thread', "const x: ThreadId = 'vcpu0';", false],
  ['the size of a window from an index', 'windowBytesOf(anIndex, iommuShift);', false],
  ['the size of a window from guest pages', 'windowBytesOf(aCount, guestShift);', false],
  ['the sum of two addresses for an address', 'const x: Ioba = anIoba + anIoba;', false],
  ['an answer that no interface has', "const x: HcallCode = 'H_NONE';", false],
  ['a status of RTAS for a hypercall’s', "const x: HcallCode = 'PARAM_ERROR';", false],
  // What is meant to be possible.
  ['a conversion by name', 'const x: Ioba = ioba(5n);', true],
  ['a unit where a plain value will do', 'const x: bigint = anIoba;', true],
  ['an index as a number', 'const x: number = anIndex;', true],
  ['an IOBA for an IOBA', 'const x: Ioba = anIoba;', true],
  ['the size of a window', 'const x: Bytes = windowBytesOf(aCount, iommuShift);', true],
  ['bytes of a page of any kind', 'const x: Bytes = pageBytes(guestShift);', true],
] as const;

const HEAD = `import { type Buid, type Bytes, type Gpa, type GuestPageShift, type HcallCode, type HostPageCount, type HostPageShift, type Hpa, type Ioba, type IommuPageShift, ioba, type Kibibytes, type LevelCount, type Liobn, pageBytes, type Tce, type TceCount, type TceIndex, type ThreadId, type Ua, type WindowOffset, type WindowShift, windowBytesOf } from '../../packages/protocol/src/index.ts';
declare const anIoba: Ioba, aGpa: Gpa, aUa: Ua, anHpa: Hpa, aTce: Tce, anOffset: WindowOffset, aBuid: Buid, someBytes: Bytes, anIndex: TceIndex, aCount: TceCount, someKib: Kibibytes, someLevels: LevelCount, guestShift: GuestPageShift, iommuShift: IommuPageShift, hostShift: HostPageShift, aWindowShift: WindowShift, aLiobn: Liobn;`;

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(root, '.cache', `units-${process.pid}`);
let refused: ReadonlyMap<number, string>;

/** Compiles a text and tells the lines that do not compile, from 1, with the first error of each. */
async function refusedLines(text: string): Promise<ReadonlyMap<number, string>> {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin',
    'tsc',
  );
  mkdirSync(folder, { recursive: true });
  const options = { extends: join(root, 'tsconfig.base.json'), files: ['units.ts'] };
  const compilerOptions = { composite: false, noEmit: true, allowImportingTsExtensions: true, types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, compilerOptions }));
  writeFileSync(join(folder, 'units.ts'), text);
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], (_, stdout) => resolve(stdout));
  });
  const errors = [...output.matchAll(/^(.*)\((\d+),\d+\): error (.*)$/gm)];
  const elsewhere = errors.filter(([, file]) => !file?.endsWith('units.ts'));
  if (elsewhere.length > 0) throw new Error(elsewhere[0]![0]);
  return new Map(errors.reverse().map(([, , line, error]) => [Number(line), error ?? '']));
}

const firstLine = HEAD.split('\n').length + 1;
beforeAll(async () => {
  refused = await refusedLines([HEAD, ...LINES.map(([, line]) => `{ ${line} }`), ''].join('\n'));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('what stands before the lines compiles', () => {
  expect([...refused].filter(([line]) => line < firstLine)).toEqual([]);
});

for (const [at, [name, line, compiles]] of LINES.entries()) {
  test(`${name} ${compiles ? 'compiles' : 'does not compile'}: ${line}`, () => {
    const error = refused.get(firstLine + at);
    if (compiles) expect(error).toBeUndefined();
    else expect(error).toMatch(/TS2322|TS2345/);
  });
}
