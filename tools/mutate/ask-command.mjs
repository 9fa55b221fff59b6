/**
 * Runs calls of the command in this process, one after the other, and tells of each as soon as it is over: a JSON line
 * with its arguments, its status, and what is said of it where the status is not 0. Where one of a verb's calls fails,
 * the others are left out: one complaint is enough. Started in the copy.
 */
import { argv, env, exit, stdin, stdout } from 'node:process';

/** What is built cannot be named where the types are checked: it may not be there yet. */
const built = new URL('../../apps/cli/dist/index.js', import.meta.url).href;
/** @typedef {{ write: (text: string, done: () => void) => boolean, on: () => void }} Sink */
/** @type {{ main: (args: string[], surroundings: { stdout: Sink, stderr: Sink, [other: string]: unknown }) => Promise<number> }} */
const { main } = await import(built);

/** @typedef {{ name: string, outcome: string }} Played */
/** @typedef {{ error: { text: string } | null, stories?: Played[], divergence?: { line: number } | null, mismatches?: number, differences?: unknown }} Told */

/** @param {Told} told */
function complaintOf({ error, stories, divergence, mismatches, differences }) {
  if (error !== null) return error.text;
  if (stories !== undefined) {
    const unexpected = stories.filter(({ outcome }) => outcome === 'unexpected');
    return `unexpected: ${unexpected.map(({ name }) => name).join(', ')}`;
  }
  if (divergence) return `line ${divergence.line} differs`;
  if (mismatches !== undefined) return `${mismatches} answers differ`;
  if (differences !== undefined) return 'an answer of the real QEMU differs';
  return 'it says no more';
}

/** @type {Sink} */
const ignored = {
  write: (_text, done) => {
    done();
    return true;
  },
  on: () => {},
};

/** @type {Set<string | undefined>} */
const failed = new Set();

for (const args of /** @type {string[][]} */ (JSON.parse(argv[2] ?? '[]'))) {
  let text = '';
  const status = failed.has(args[0])
    ? 0
    : await main([...args, '--json'], {
        stdout: {
          ...ignored,
          write: (part, done) => {
            text += part;
            done();
            return true;
          },
        },
        stderr: ignored,
        stdin,
        env,
        onInterrupt: () => {},
      });
  if (status !== 0) failed.add(args[0]);
  const complaint = status === 0 ? '' : complaintOf(JSON.parse(text));
  stdout.write(`${JSON.stringify({ args, status, complaint })}\n`);
}

// What a call left open keeps nobody waiting.
exit(0);
