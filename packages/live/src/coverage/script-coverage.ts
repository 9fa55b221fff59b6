import { Session } from 'node:inspector/promises';

/** A stretch of a script, in characters from its beginning, and whether it ran. */
export interface ScriptRange {
  readonly startOffset: number;
  readonly endOffset: number;
  /** 0: it never ran. */
  readonly count: number;
}

/** A function: its whole range first, then those of its blocks that ran where the function did not, or the other way. */
export interface ScriptFunction {
  readonly functionName: string;
  readonly ranges: readonly ScriptRange[];
}

/** What each script's functions did, by the script's address. */
export type ScriptCoverage = ReadonlyMap<string, readonly ScriptFunction[]>;

type Scripts = readonly { readonly url: string; readonly functions: readonly ScriptFunction[] }[];

/** Marks the second copy of a script. */
const COPY = '?copy';

/** Has the JavaScript engine note which functions and blocks run in this thread, from `start` to `stop`. */
export class ScriptRecorder {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async start(): Promise<ScriptRecorder> {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
    return new ScriptRecorder(session);
  }

  /**
   * What ran of these scripts since the start, and what always runs when they are loaded. The engine is silent about
   * functions that never ran of a script that was loaded before the start, so a second copy of each is loaded: of that
   * one it names all. The recorder cannot be used any more.
   */
  async stop(scripts: readonly URL[]): Promise<ScriptCoverage> {
    for (const { href } of scripts) await import(`${href}${COPY}`);
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    await this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
    return new Map(
      scripts.map(({ href }) => [
        href,
        merged(functionsIn(result, href), functionsIn(result, `${href}${COPY}`)),
      ]),
    );
  }
}

const functionsIn = (scripts: Scripts, url: string): readonly ScriptFunction[] =>
  scripts.find((script) => script.url === url)?.functions ?? [];

const keyOf = ({ ranges }: ScriptFunction): string => `${ranges[0]?.startOffset}-${ranges[0]?.endOffset}`;
const hasRun = ({ ranges }: ScriptFunction): boolean => (ranges[0]?.count ?? 0) > 0;

/** A function is as it ran; where it did not, as it is in the copy. */
function merged(
  script: readonly ScriptFunction[],
  copy: readonly ScriptFunction[],
): readonly ScriptFunction[] {
  const functions = new Map(copy.map((some) => [keyOf(some), some]));
  for (const some of script) {
    if (hasRun(some) || !functions.has(keyOf(some))) functions.set(keyOf(some), some);
  }
  return [...functions.values()];
}
