import {
  CounterexampleError,
  type PlayedCounterexample,
  playCounterexample,
  showsAgain,
} from '@spapr-dma/system';
import { InputError } from '@spapr-dma/trace';
import { type Answer, unusable } from '../answer.js';
import type { Host } from '../host.js';
import type { RunCall } from '../run/run-call.js';
import type { Paint } from '../text/paint.js';
import { excerpt, inputName } from '../text/words.js';
import { playedDocument, unplayedDocument } from './played-document.js';
import { chartOf, drawnText, lengthText } from './played-text.js';
import { readFile } from './read-file.js';
import { stepByStep } from './step-by-step.js';

/** What became of the violation, for people. */
function verdictText(played: PlayedCounterexample, paint: Paint): string {
  const { counterexample, violation, comesBack, others, steps, told } = played;
  const { property, loopAfter } = counterexample;
  const verdict = showsAgain(played)
    ? paint.bad('the violation shows again')
    : paint.good('no violation shows');
  const at = comesBack === null ? violation?.step : steps.length;
  const where = at === undefined ? '' : `, ${lengthText(at, comesBack === true ? loopAfter : null)}`;
  const why = violation?.text ?? property.text;
  return [
    `Played in running actors, whose bus told of ${told} messages, and step by step: ${verdict}.\n`,
    showsAgain(played) ? `  ${property.name}${where}: ${excerpt(why, 1000)}\n` : '',
    `  What must hold: ${property.title}\n`,
    ...others.map(
      ({ name, step, text }) => `  also ${name}, ${lengthText(step, null)}: ${excerpt(text, 1000)}\n`,
    ),
  ].join('');
}

const headText = ({ counterexample: { model, title, preset, size } }: PlayedCounterexample): string =>
  `${model}: ${title}\n${preset}, ${size}\n\n`;

/** `spapr-dma run FILE`: plays a counterexample that `check --out` wrote. */
export async function playFile(path: string, call: RunCall, host: Host): Promise<Answer> {
  const name = inputName(path);
  try {
    host.progress.show(`playing ${name}`);
    const played = playCounterexample(await readFile(path, host), { file: name });
    host.progress.end();
    const { chart, all } = call;
    const body = async (): Promise<string> => {
      if (chart !== null && chart !== 'terminal') return chartOf(played, chart, all);
      if (call.step) host.keys?.print(headText(played));
      const head = call.step && host.keys !== null ? '' : headText(played);
      const shown = call.step ? await stepByStep(played, host) : drawnText(played, all);
      return `${head}${shown}\n${verdictText(played, host.paint)}`;
    };
    const text = call.json ? '' : await body();
    return { status: showsAgain(played) ? 0 : 1, document: playedDocument(name, played), text: () => text };
  } catch (error) {
    if (!(error instanceof CounterexampleError || error instanceof InputError)) throw error;
    const line = error instanceof InputError ? error.line : null;
    return unusable(unplayedDocument(name, { line, text: error.message }));
  }
}
