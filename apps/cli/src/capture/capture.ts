import {
  CaptureError,
  isKernelChoice,
  prepareFolder,
  SCENARIOS,
  type Scenario,
  writeRecording,
} from '@spapr-dma/capture';
import { followLog, openInput } from '@spapr-dma/trace';
import type { Answer, Fault, Status } from '../answer.js';
import { CallError } from '../call-error.js';
import type { Host } from '../host.js';
import { nearest } from '../text/nearest.js';
import { excerpt } from '../text/words.js';
import type { CaptureCall } from './capture-call.js';
import { type Captured, captureDocument } from './capture-document.js';
import { captureText } from './capture-text.js';
import { type Guests, guestsHere } from './guests.js';
import { listScenarios } from './list.js';

function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  const names = SCENARIOS.map((scenario) => scenario.name);
  const near = nearest(name, names);
  throw new CallError(
    `there is no scenario '${excerpt(name, 80)}'${near === undefined ? '' : `, did you mean ${near}`}; ` +
      'see spapr-dma capture --list',
    'capture',
  );
}

function statusOf(captured: readonly Captured[], error: Fault | null): Status {
  if (error !== null) return 2;
  return captured.every(({ report }) => report.accepted) ? 0 : 1;
}

/** Records a scenario, writes what was recorded, and follows it as anybody would. */
async function captured(scenario: Scenario, guests: Guests, out: string): Promise<readonly Captured[]> {
  const all: Captured[] = [];
  for (const recording of await guests.record(scenario)) {
    const files = await writeRecording(out, recording);
    const report = await followLog(openInput(files.log));
    all.push({ description: recording.description, files, report });
  }
  return all;
}

/** `spapr-dma capture [SCENARIO…]` */
export async function capture(
  call: CaptureCall,
  host: Host,
  guests: Guests = guestsHere(call, host),
): Promise<Answer> {
  if (call.list) return listScenarios();
  const scenarios = call.scenarios.length === 0 ? SCENARIOS : call.scenarios.map(scenarioOf);
  if (call.kernel !== null && !isKernelChoice(call.kernel))
    throw new CallError(
      `--kernel takes 4k, 64k or the beginning of a release, not '${excerpt(call.kernel, 80)}'; ` +
        'see spapr-dma capture --help',
      'capture',
    );
  const lacks = guests.lacks();
  if (lacks !== null) throw new CallError(lacks, 'capture');

  const recordings: Captured[] = [];
  let error: Fault | null = null;
  try {
    await prepareFolder(call.out);
    for (const scenario of scenarios) {
      recordings.push(...(await captured(scenario, guests, call.out)));
      const trouble = recordings.at(-1)?.description.trouble ?? null;
      // The others may be good all the same.
      if (trouble !== null) error ??= { line: null, text: `${scenario.name}: ${trouble}` };
    }
  } catch (thrown) {
    if (!(thrown instanceof CaptureError)) throw thrown;
    error = { line: null, text: thrown.message };
  }
  return {
    status: statusOf(recordings, error),
    document: captureDocument(guests.version(), recordings, error),
    text: () => captureText(recordings, host.paint),
  };
}
