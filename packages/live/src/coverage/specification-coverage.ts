import { readFileSync } from 'node:fs';
import { createRequire, SourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ScriptCoverage, type ScriptFunction, ScriptRecorder } from './script-coverage.js';
import { ASKED_FILES, REASONS } from './specification-files.js';

/** A function or a branch of the specification that no call reached. */
export interface UnreachedPlace {
  /** Its file in packages/qemu-spapr/src, and the line there. */
  readonly file: string;
  readonly line: number;
  /** The function that it is, or is in. */
  readonly name: string;
  readonly kind: 'function' | 'branch';
  /** Its first line. */
  readonly text: string;
  /** Why calls to a QEMU without KVM and VFIO do not reach it; null where nobody knows. */
  readonly why: string | null;
}

/** How much of the specification calls reached. */
export interface SpecificationCoverage {
  /** Functions that ran, of those that there are, by file. */
  readonly files: readonly { readonly file: string; readonly reached: number; readonly functions: number }[];
  readonly unreached: readonly UnreachedPlace[];
}

/** What says of itself that it does not happen, or stands there for the types: no branch that one could reach. */
const NO_BRANCH =
  /^(\?\?|:|\?|default:|case '\w+':)?\s*(return\s+)?unreachable\(|^\?\? *(0n?|-1|\[\]|''|null)/;
const TEXT_MAX = 100;

/** A file of the specification as it runs, and as it is written. */
class SpecificationFile {
  readonly file: string;
  readonly script: string;
  readonly url: URL;
  readonly #map: SourceMap;
  readonly #written: readonly string[];
  /** Where each line of the script begins. */
  readonly #starts: readonly number[];

  constructor(file: string, path: string) {
    this.file = `${file}.ts`;
    this.url = pathToFileURL(path);
    this.script = readFileSync(path, 'utf8');
    const map = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
    this.#map = new SourceMap(map);
    this.#written = String(map.sourcesContent?.[0] ?? '').split('\n');
    const lines = this.script.split('\n');
    let start = 0;
    this.#starts = lines.map((line) => {
      const at = start;
      start += line.length + 1;
      return at;
    });
  }

  /** The line, counted from 1, that a place of the script was written in. */
  lineAt(offset: number): number {
    const line = this.#starts.findLastIndex((start) => start <= offset);
    const entry = this.#map.findEntry(line, offset - (this.#starts[line] ?? 0));
    return 'originalLine' in entry ? entry.originalLine + 1 : line + 1;
  }

  textOf(line: number): string {
    return (this.#written[line - 1] ?? '').trim().slice(0, TEXT_MAX);
  }

  /** The first code of a range: a block's range begins with what is between it and the code before. */
  codeAt(offset: number): number {
    const rest = this.script.slice(offset);
    return offset + (/^[\s{]*/.exec(rest)?.[0].length ?? 0);
  }
}

/** Notes which functions and branches of the specification run, in this thread. */
export class SpecificationRecorder {
  readonly #recorder: ScriptRecorder;
  readonly #files: readonly SpecificationFile[];

  private constructor(recorder: ScriptRecorder, files: readonly SpecificationFile[]) {
    this.#recorder = recorder;
    this.#files = files;
  }

  static async start(): Promise<SpecificationRecorder> {
    const entry = createRequire(import.meta.url).resolve('@spapr-dma/qemu-spapr');
    const files = ASKED_FILES.map(
      (file) => new SpecificationFile(file, fileURLToPath(new URL(`${file}.js`, pathToFileURL(entry)))),
    );
    return new SpecificationRecorder(await ScriptRecorder.start(), files);
  }

  /** What was reached since the start. The recorder cannot be used any more. */
  async stop(): Promise<SpecificationCoverage> {
    const coverage = await this.#recorder.stop(this.#files.map(({ url }) => url));
    return {
      files: this.#files.map((file) => countIn(file, coverage)),
      unreached: this.#files.flatMap((file) => unreachedIn(file, functionsOf(file, coverage))),
    };
  }
}

const hasRun = ({ ranges }: ScriptFunction): boolean => (ranges[0]?.count ?? 0) > 0;

/** The functions of a file; the first is the file itself. */
const functionsOf = ({ url }: SpecificationFile, coverage: ScriptCoverage): readonly ScriptFunction[] =>
  coverage.get(url.href) ?? [];

function countIn(file: SpecificationFile, coverage: ScriptCoverage): SpecificationCoverage['files'][number] {
  const functions = functionsOf(file, coverage).filter(({ functionName }) => functionName !== '');
  return { file: file.file, reached: functions.filter(hasRun).length, functions: functions.length };
}

function unreachedIn(
  file: SpecificationFile,
  functions: readonly ScriptFunction[],
): readonly UnreachedPlace[] {
  const places = functions.flatMap((some) => {
    const [whole, ...blocks] = some.ranges;
    if (whole === undefined) return [];
    if (!hasRun(some)) return [placeOf(file, some, whole.startOffset, 'function')];
    return blocks
      .filter(({ count }) => count === 0)
      .map(({ startOffset }) => file.codeAt(startOffset))
      .filter((offset) => !NO_BRANCH.test(file.script.slice(offset, offset + TEXT_MAX)))
      .map((offset) => placeOf(file, some, offset, 'branch'));
  });
  return places.toSorted((a, b) => a.line - b.line);
}

function placeOf(
  file: SpecificationFile,
  { functionName }: ScriptFunction,
  offset: number,
  kind: UnreachedPlace['kind'],
): UnreachedPlace {
  const line = file.lineAt(offset);
  const text = file.textOf(line);
  const described = `${file.file}: ${functionName}: ${text}`;
  const why = REASONS.find(({ pattern }) => pattern.test(described))?.why ?? null;
  return { file: file.file, line, name: functionName, kind, text, why };
}
