import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { differenceText, type LiveFinding, runLive, stepText } from '@spapr-dma/live';
import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import type { Setting } from '@spapr-dma/system';
import { answersAgree, openInput, type QemuCalls, QemuSpecification, readQemuCalls } from '@spapr-dma/trace';
import type { Host } from '../host.js';
import { endOf, interruption } from './interruption.js';
import { machinesOf, outFolder, shownSwitches } from './known.js';
import type { LiveCall } from './live-call.js';
import type { Compared, Defect } from './live-document.js';
import { progressText } from './progress-text.js';
import type { Place, Qemu } from './qemu.js';
import { replayed } from './replay-files.js';
import { nothingAsked, summed } from './summed.js';

type Asked = Pick<Compared['report'], 'calls' | 'machines' | 'versions' | 'seconds'>;

/** What came of looking for a defect. */
interface Looked {
  readonly defect: Defect;
  readonly asked: Asked;
  /** Why it ended early; null where it did not. */
  readonly error: Compared['error'];
}

/** The place of the first recorded answer that a specification does not give, with what it says; null where it gives all. */
function firstDifference({ machine, calls }: QemuCalls, switches: Partial<WindowSwitches>) {
  const specification = new QemuSpecification(machine, switches);
  for (const [at, { call, answer }] of calls.entries()) {
    const expected = specification.step(call);
    if (!answersAgree(expected, answer)) return { at, text: differenceText(call, expected, answer) };
  }
  return null;
}

const fixed = ({ name }: Setting): Partial<WindowSwitches> => ({ [name]: 'fixed' });

const notSeen = ({ name, text: about, source }: Setting): Defect => ({
  switch: name,
  about,
  source,
  confirmed: false,
  file: null,
  calls: null,
  text: null,
  steps: [],
});

/** The shortest known file whose last call tells a QEMU with the defect from one without; null where there is none. */
async function knownDefect(setting: Setting, folder: string | null): Promise<Defect | null> {
  let shortest: Defect | null = null;
  const names = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  for (const name of names.sort()) {
    const file = join(folder!, name);
    const recorded = await readQemuCalls(openInput(file));
    const { calls } = recorded;
    const difference = firstDifference(recorded, fixed(setting));
    if (difference?.at !== calls.length - 1 || firstDifference(recorded, {}) !== null) continue;
    if (shortest !== null && shortest.calls! <= calls.length) continue;
    const steps = calls.map(({ call, answer }) => stepText(call, answer));
    shortest = { ...notSeen(setting), file, calls: calls.length, text: difference.text, steps };
  }
  return shortest;
}

/** Asks QEMU by a file that is known to show the defect. */
async function asked(known: Defect, setting: Setting, host: Host, qemu: Qemu): Promise<Looked> {
  const { file, seconds } = await replayed(known.file!, {}, host, () => qemu);
  const confirmed = file.calls === known.calls && file.differences + file.unlikeRecorded === 0;
  return {
    defect: confirmed ? { ...known, confirmed } : notSeen(setting),
    asked: { calls: file.calls, machines: 1, versions: [file.machine], seconds },
    error: host.interrupted.aborted ? interruption(file.calls) : null,
  };
}

/** A defect with calls by which it showed, if it did: the specification that has it answers them as QEMU did. */
async function found(setting: Setting, finding: LiveFinding | undefined): Promise<Defect> {
  if (finding?.file == null) return notSeen(setting);
  const { file, calls, text, steps } = finding;
  const confirmed = firstDifference(await readQemuCalls(openInput(file)), {}) === null;
  return { ...notSeen(setting), confirmed, file, calls, text, steps };
}

/** Compares QEMU with the specification that does not have the defect, until they differ. */
async function searched(setting: Setting, call: LiveCall, host: Host, qemu: Qemu): Promise<Looked> {
  const began = performance.now();
  const report = await runLive({
    start: qemu.start,
    qemu: qemu.version,
    machines: machinesOf(call.machines, qemu.machines),
    seed: call.seed,
    calls: call.calls,
    switches: fixed(setting),
    until: 'difference',
    out: outFolder(call.out),
    signal: host.interrupted,
    onProgress: (progress) =>
      host.progress.show(`${setting.name}: ${progressText(progress, performance.now() - began)}`),
  });
  const difference = report.findings.find(({ kind }) => kind === 'difference');
  return { defect: await found(setting, difference), asked: report, error: endOf(report) };
}

/**
 * For each switch of the specification that a QEMU can show: is the defect there? QEMU is asked by a file that tells
 * the specification with the defect from the one without. Where none is known, the one without is compared with QEMU
 * until they differ.
 */
export async function confirmDefects(call: LiveCall, host: Host, place: Place): Promise<Compared> {
  outFolder(call.out);
  const qemu = place.qemu();
  const machines = machinesOf(call.machines, qemu.machines);
  const defects: Defect[] = [];
  let report = nothingAsked(qemu.version, call.seed);
  let error: Compared['error'] = null;
  for (const setting of shownSwitches()) {
    const known = await knownDefect(setting, place.known);
    const looked = await (known === null
      ? searched(setting, { ...call, machines }, host, qemu)
      : asked(known, setting, host, qemu));
    report = summed(report, looked.asked);
    error = looked.error;
    if (error !== null) break;
    defects.push(looked.defect);
  }
  return { report, switches: {}, branches: null, files: [], defects, error };
}
