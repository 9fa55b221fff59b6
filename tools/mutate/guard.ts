import { spawn } from 'node:child_process';

/** Somebody who cleans up behind us, whatever happens to us. */
export interface Guard {
  /** Tells of the process groups that are to be ended with us. */
  readonly watch: (groups: readonly number[]) => void;
  /** Cleans up now; resolves when the folder is gone. */
  readonly end: () => Promise<void>;
}

/**
 * Reads a line of process groups whenever they change. When the pipe ends, because we closed it or because we are no
 * more, ends the last ones it read of and removes the folder.
 */
const SCRIPT = `
trap '' INT TERM HUP
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" 2>/dev/null && break; sleep 0.1; done
`;

/** Removes a folder when this process is no more, by whatever end. */
export function guardOf(folder: string): Guard {
  const child = spawn('sh', ['-c', SCRIPT, 'sh', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stdin.on('error', () => {});
  return {
    watch: (groups) => child.stdin.write(`${groups.join(' ')}\n`),
    end: () => {
      child.stdin.end();
      return ended;
    },
  };
}
