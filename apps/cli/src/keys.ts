import type { Output } from './output.js';

/** The part of standard input that is read from here. */
export interface KeySource {
  readonly isTTY?: boolean;
  on(event: 'data' | 'end', listener: () => void): unknown;
  off(event: 'data' | 'end', listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** Somebody at a terminal who reads, and presses Enter to go on. */
export interface Keys {
  /** Prints at once. */
  readonly print: (text: string) => void;
  /** Waits for Enter; false where the input ends, or the person asks to stop. */
  readonly enter: () => Promise<boolean>;
}

/** Null where nobody sits at a terminal, at either end. */
export function keysOf(stdin: KeySource, stdout: Output, interrupted: AbortSignal): Keys | null {
  if (stdin.isTTY !== true || !stdout.isTerminal) return null;
  const enter = (): Promise<boolean> =>
    new Promise((resolve) => {
      const done = (goesOn: boolean) => () => {
        stdin.pause();
        stdin.off('data', pressed);
        stdin.off('end', ended);
        interrupted.removeEventListener('abort', ended);
        resolve(goesOn);
      };
      const pressed = done(true);
      const ended = done(false);
      if (interrupted.aborted) return resolve(false);
      stdin.on('data', pressed);
      stdin.on('end', ended);
      interrupted.addEventListener('abort', ended);
      stdin.resume();
    });
  return { print: (text) => stdout.write(text), enter };
}
