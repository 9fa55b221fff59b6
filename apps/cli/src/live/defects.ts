import { type LiveFinding, type LiveReport, runLive } from '@spapr-dma/live';
import type { Setting } from '@spapr-dma/system';
import { answersAgree, openInput, QemuSpecification, readQemuCalls } from '@spapr-dma/trace';
import type { Host } from '../host.js';
import { interruption } from './interruption.js';
import { knownFindings, machinesOf, outFolder, shownSwitches } from './known.js';
import type { LiveCall } from './live-call.js';
import type { Compared, Defect } from './live-document.js';
import { progressText } from './progress-text.js';
import type { Qemu } from './qemu.js';
import { nothingAsked, summed } from './summed.js';

/** Does the specification that has the defect answer as QEMU did? */
async function agreesUnfixed(file: string): Promise<boolean> {
  const { machine, calls } = await readQemuCalls(openInput(file));
  const specification = new QemuSpecification(machine);
  return calls.every(({ call, answer }) => answersAgree(specification.step(call), answer));
}

/** A defect with the calls by which it showed, if it did. */
async function defectOf(
  { name, text: about, source }: Setting,
  finding: LiveFinding | undefined,
): Promise<Defect> {
  const isIt = finding !== undefined && finding.file !== null && (await agreesUnfixed(finding.file));
  return {
    switch: name,
    about,
    source,
    confirmed: isIt,
    file: finding?.file ?? null,
    calls: finding?.calls ?? null,
    text: finding?.text ?? null,
    steps: finding?.steps ?? [],
  };
}

/**
 * For each switch of the specification that a QEMU can show: the specification without the defect is compared with
 * QEMU until they differ. Where the specification that has it answers the same calls as QEMU did, the defect is
 * confirmed.
 */
export async function confirmDefects(call: LiveCall, host: Host, ask: () => Qemu): Promise<Compared> {
  const out = outFolder(call.out);
  const qemu = ask();
  const machines = machinesOf(call.machines, qemu.machines);
  const began = performance.now();
  const defects: Defect[] = [];
  let report = nothingAsked(qemu.version, call.seed);
  for (const setting of shownSwitches()) {
    const asked: LiveReport = await runLive({
      start: qemu.start,
      qemu: qemu.version,
      machines,
      seed: call.seed,
      calls: call.calls,
      switches: { [setting.name]: 'fixed' },
      until: 'difference',
      out,
      known: knownFindings(),
      signal: host.interrupted,
      onProgress: (progress) =>
        host.progress.show(`${setting.name}: ${progressText(progress, performance.now() - began)}`),
    });
    report = summed(report, asked);
    if (asked.interrupted) return comparedOf(report, defects, interruption(report.calls));
    defects.push(
      await defectOf(
        setting,
        asked.findings.find(({ kind }) => kind === 'difference'),
      ),
    );
  }
  return comparedOf(report, defects, null);
}

const comparedOf = (
  report: Compared['report'],
  defects: readonly Defect[],
  error: Compared['error'],
): Compared => ({ report, switches: {}, files: [], defects, error });
