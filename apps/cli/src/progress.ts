import type { Output } from './output.js';
import { counted } from './text/words.js';

/** Tells a waiting person how far long work has come, on a terminal and nowhere else. */
export interface Progress {
  /** Shows a line in place of the one before, not more often than eyes can follow. */
  readonly show: (text: string) => void;
  /** Lines read so far, with their rate. */
  readonly lines: (lines: number) => void;
  /** Removes what was shown. */
  readonly end: () => void;
}

const shownEvery = 100; // ms
const eraseLine = '\r\u001b[2K';

export function progressOn(output: Output, now: () => number = () => performance.now()): Progress {
  const began = now();
  let shownAt = Number.NEGATIVE_INFINITY;
  let isShown = false;
  const show = (text: string) => {
    if (!output.isTerminal || now() - shownAt < shownEvery) return;
    shownAt = now();
    isShown = true;
    output.write(`${eraseLine}${text}`);
  };
  return {
    show,
    lines: (lines) => {
      const passed = (now() - began) / 1000;
      const rate = passed > 0.5 ? `, ${counted(Math.round(lines / passed), 'line')} a second` : '';
      show(`${counted(lines, 'line')}${rate}`);
    },
    end: () => {
      if (isShown) output.write(eraseLine);
      isShown = false;
    },
  };
}
