import { spawnSync } from 'node:child_process';
import { qemuLacks } from '@spapr-dma/qemu-process';

/**
 * Documents run as written. In a fenced block marked `console`, a line that begins with `$ ` is typed in the root of
 * the repository, and the lines after it are what must come out, standard error included, with status 0. A line
 * that is just `…` stands for any number of lines, and `…` within a line for any text.
 */
export interface Command {
  /** In the document, from 1. */
  readonly line: number;
  readonly command: string;
  readonly output: readonly string[];
}

/** The commands of all `console` blocks. A block that does not begin with a command is an error of the document. */
export function commandsIn(text: string): Command[] {
  const commands: { line: number; command: string; output: string[] }[] = [];
  let isInBlock = false;
  let fence = '';
  let current: (typeof commands)[number] | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const mark = /^(`{3,}|~{3,})\s*(\w*)/.exec(line);
    if (mark !== null && (fence === '' || line.trim() === fence)) {
      isInBlock = fence === '' && mark[2] === 'console';
      fence = fence === '' ? (mark[1] ?? '') : '';
      current = undefined;
    } else if (isInBlock) {
      const isContinued =
        current !== undefined && current.output.length === 0 && current.command.endsWith('\\');
      if (isContinued && current !== undefined) {
        current.command = `${current.command.slice(0, -1)}${line.replace(/^>?\s*/, '')}`;
      } else if (line.startsWith('$ ')) {
        current = { line: index + 1, command: line.slice(2).trim(), output: [] };
        commands.push(current);
      } else if (current === undefined) {
        throw new Error(`line ${index + 1}: a console block begins with "$ COMMAND", not with "${line}"`);
      } else {
        current.output.push(line);
      }
    }
  }
  return commands;
}

const withoutBlankEnd = (lines: readonly string[]): string[] => {
  const end = lines.findLastIndex((line) => line.trim() !== '');
  return lines.slice(0, end + 1).map((line) => line.trimEnd());
};

function isLike(line: string, expected: string): boolean {
  const parts = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'u').test(line);
}

/** The lines between `…` lines, in order. */
function passagesOf(lines: readonly string[]): string[][] {
  const passages: string[][] = [[]];
  for (const line of lines) {
    if (line === '…') passages.push([]);
    else passages.at(-1)?.push(line);
  }
  return passages;
}

/** True where the output is what the document shows. */
export function isAsShown(output: readonly string[], shown: readonly string[]): boolean {
  const lines = withoutBlankEnd(output);
  const passages = passagesOf(withoutBlankEnd(shown));
  const fits = (passage: readonly string[], at: number) =>
    at >= 0 && passage.every((expected, n) => at + n < lines.length && isLike(lines[at + n] ?? '', expected));
  const [first = [], ...rest] = passages;
  if (!fits(first, 0)) return false;
  const last = rest.pop();
  if (last === undefined) return lines.length === first.length;
  let at = first.length;
  for (const passage of rest) {
    while (at <= lines.length && !fits(passage, at)) at += 1;
    at += passage.length;
  }
  const end = lines.length - last.length;
  return end >= at && fits(last, end);
}

/** Commands that set the repository up or run the tests, this one among them: they are shown, and not run. */
const notRun =
  /^(?:git |cd\b|apt-get |npm (?:ci|install|i|test|t)\b|npm run (?:build|bench|conformance|format)\b|npx nx |\.ci\/run)/;

/** Verbs that start a real QEMU. */
const startsQemu = /\bspapr-dma (?:live|capture)\b(?!.*--help)/;

/** What a command of a document needs and this machine lacks, as a sentence; null where nothing. */
export const lacksFor = (command: string, lacks: () => string | null = qemuLacks): string | null =>
  startsQemu.test(command) ? lacks() : null;

/** What is wrong with a command of a document, or undefined where it does what the document says. */
export function documentFault({ command, output }: Command, root: string): string | undefined {
  if (notRun.test(command)) {
    const hasOutput = output.some((line) => line !== '…' && line.trim() !== '');
    return hasOutput ? 'this command is not run, so its output can only be "…"' : undefined;
  }
  const isInherited = ([name]: [string, unknown]) =>
    !/^(?:NX_|VITEST|npm_|FORCE_COLOR|NODE_OPTIONS|NODE_ENV$|TEST$)/.test(name);
  const { status, stdout } = spawnSync('bash', ['-c', `{ ${command}\n} 2>&1`], {
    cwd: root,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(isInherited)),
      NO_COLOR: '1',
      npm_config_loglevel: 'error',
      npm_config_yes: 'false',
    },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
    timeout: 300_000,
  });
  if (status !== 0)
    return `ended with status ${status}; where that is meant, show it by "; echo $?":\n${stdout}`;
  if (isAsShown(stdout.split('\n'), output)) return undefined;
  return `shown:\n${output.join('\n')}\ncame out:\n${stdout}`;
}
