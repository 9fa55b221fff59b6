import { LiveError, type LiveProgress, runLive, SpecificationRecorder } from '@spapr-dma/live';
import { InputError } from '@spapr-dma/trace';
import type { Answer } from '../answer.js';
import { CallError } from '../call-error.js';
import type { Host } from '../host.js';
import { confirmDefects } from './defects.js';
import { endOf } from './interruption.js';
import { knownFindings, machinesOf, outFolder, switchesOf } from './known.js';
import type { LiveCall } from './live-call.js';
import { type Compared, liveDocument } from './live-document.js';
import { defectsText, liveText, replayedText } from './live-text.js';
import { progressText } from './progress-text.js';
import { installedQemu, type Place } from './qemu.js';
import { replayFiles } from './replay-files.js';

/** Calls that are made up. */
async function compareRandom(call: LiveCall, host: Host, place: Place): Promise<Compared> {
  const switches = switchesOf(call.set);
  const out = outFolder(call.out);
  const qemu = place.qemu();
  const machines = machinesOf(call.machines, qemu.machines);
  const began = performance.now();
  const recorder = call.branches ? await SpecificationRecorder.start() : null;
  const report = await runLive({
    start: qemu.start,
    qemu: qemu.version,
    machines,
    seed: call.seed,
    calls: call.calls,
    switches,
    out,
    known: place.known,
    ...(call.untilDifference && { until: 'difference' }),
    signal: host.interrupted,
    onProgress: (progress: LiveProgress) =>
      host.progress.show(progressText(progress, performance.now() - began)),
  });
  const branches = (await recorder?.stop()) ?? null;
  const error = endOf(report);
  return { report, switches: { ...switches }, branches, files: [], defects: [], error };
}

const here = (): Place => ({ qemu: installedQemu, known: knownFindings() });

/** `spapr-dma live [FILE…]` */
export async function live(call: LiveCall, host: Host, place: Place = here()): Promise<Answer> {
  try {
    return await answerTo(call, host, place);
  } catch (error) {
    // A QEMU that does not start, or a file under vectors/ that somebody spoilt.
    if (!(error instanceof LiveError || error instanceof InputError)) throw error;
    throw new CallError(error.message, 'live');
  }
}

async function answerTo(call: LiveCall, host: Host, place: Place): Promise<Answer> {
  const { paint } = host;
  const answer = (compared: Compared, isGood: boolean, text: () => string): Answer => ({
    status: compared.error !== null ? 2 : isGood ? 0 : 1,
    document: liveDocument(compared),
    text,
  });
  if (call.files.length > 0) {
    const compared = await replayFiles(call, host, place.qemu);
    return answer(compared, compared.report.differences === 0, () => replayedText(compared, paint));
  }
  if (call.defects) {
    const compared = await confirmDefects(call, host, place);
    const isEach = compared.defects.every(({ confirmed }) => confirmed);
    return answer(compared, isEach, () => defectsText(compared, paint));
  }
  const compared = await compareRandom(call, host, place);
  return answer(compared, compared.report.differences === 0, () => liveText(compared, paint));
}
