/**
 * Compares a real QEMU with the machine until they differ, or for so many calls, and tells how they differ. Nobody asks
 * for the fewest calls that show it: where the search for them begins, all is known. Started in the copy.
 */
import { existsSync } from 'node:fs';
import { argv, exit, stdout } from 'node:process';

const [seed, calls] = argv.slice(2).map(Number);
const KNOWN = 'vectors/qemu-7.2/live';
/** What is built cannot be named where the types are checked: it may not be there yet. @param {string} name */
const built = (name) => import(new URL(`../../packages/${name}/dist/index.js`, import.meta.url).href);

const { LiveMachine, runLive } = await built('live');
const { machineVersions, qemuVersion } = await built('qemu-process');

/** @param {boolean} stopsEarly */
async function compared(stopsEarly) {
  const stop = new AbortController();
  const { differences, interrupted } = await runLive({
    start: LiveMachine.start,
    qemu: qemuVersion(),
    machines: machineVersions(),
    seed,
    calls,
    until: 'difference',
    known: existsSync(KNOWN) ? KNOWN : null,
    signal: stop.signal,
    /** @param {{ shrinking: object | null }} progress */
    onProgress: ({ shrinking }) => {
      if (stopsEarly && shrinking !== null) stop.abort();
    },
  });
  return { differences, isOver: !interrupted };
}

// An end of QEMU that nobody has seen before is searched as well, and is no difference.
const early = await compared(true);
const { differences } = early.differences > 0 || early.isOver ? early : await compared(false);
if (differences > 0) stdout.write('an answer of the real QEMU differs\n');
exit(0);
