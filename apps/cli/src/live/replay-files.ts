import {
  type CallTarget,
  Coverage,
  differenceText,
  isDmaSafe,
  isListSafe,
  LIVE_PLACES,
  type LiveFinding,
  stepText,
} from '@spapr-dma/live';
import { QEMU_7_2, type WindowSwitches } from '@spapr-dma/qemu-spapr';
import {
  answersAgree,
  type CallLine,
  InputError,
  type QemuAnswer,
  type QemuCall,
  type QemuCalls,
  type QemuMachine,
  QemuSpecification,
  readQemuCalls,
} from '@spapr-dma/trace';
import type { Host } from '../host.js';
import { inputOf } from '../inputs.js';
import { counted, inputName } from '../text/words.js';
import { interruption } from './interruption.js';
import { switchesOf } from './known.js';
import type { LiveCall } from './live-call.js';
import type { Compared, ReplayedFile } from './live-document.js';
import type { Qemu } from './qemu.js';
import { nothingAsked, summed } from './summed.js';

/** Calls that are sent together; an interruption comes between. */
const BATCH = 1000;
/** Alignment of a list. */
const LIST_BYTES = 0x1000n;

/** A call with three answers to it. */
interface Answered extends CallLine {
  readonly expected: QemuAnswer;
  readonly observed: QemuAnswer;
}

const differs = ({ expected, observed }: Answered): boolean => !answersAgree(expected, observed);

/** Would the transfer harm the program in the guest that makes the calls? */
const isInOurWay = (expected: QemuAnswer): boolean =>
  expected.kind === 'dma' &&
  expected.pieces.some(({ gpa, bytes, outcome }) => outcome === 'ram' && !isDmaSafe(gpa ?? 0n, bytes));

/** The call with its list where lists may stand, if it stood on that program: no answer depends on the address. */
function withSafeList(call: QemuCall, n: number): QemuCall {
  if (call.op !== 'H_PUT_TCE_INDIRECT') return call;
  const [liobn = 0n, ioba = 0n, list = 0n, npages = 0n] = call.args;
  // A list that is not aligned is refused before anybody looks at it.
  if ((list & (LIST_BYTES - 1n)) !== 0n || isListSafe(list)) return call;
  const { start, bytes } = LIVE_PLACES.lists;
  return { ...call, args: [liobn, ioba, start + ((BigInt(n) * LIST_BYTES) % bytes), npages] };
}

/** Makes the calls of a file until its end, the end of QEMU, the first difference, or an interruption. */
async function answersTo(
  { calls }: QemuCalls,
  specification: QemuSpecification,
  target: CallTarget,
  { interrupted, progress }: Host,
  name: string,
): Promise<readonly Answered[]> {
  const answered: Answered[] = [];
  while (answered.length < calls.length && !specification.isAborted && !interrupted.aborted) {
    progress.show(`${name}: ${counted(answered.length, 'call')} of ${calls.length}`);
    const batch: (CallLine & { readonly expected: QemuAnswer })[] = [];
    // A QEMU that ends with a call is not asked the next one.
    for (const line of calls.slice(answered.length, answered.length + BATCH)) {
      if (specification.isAborted) break;
      const call = withSafeList(line.call, batch.length);
      const expected = specification.step(call);
      if (isInOurWay(expected)) {
        throw new InputError(
          `call ${line.n} reaches guest memory below 16 MiB, where the program stands that makes the calls`,
        );
      }
      batch.push({ ...line, call, expected });
    }
    const observed = await target.play(batch.map(({ call }) => call));
    answered.push(...observed.map((answer, at) => ({ ...batch[at]!, observed: answer })));
    if (observed.at(-1)?.kind === 'abort' || answered.slice(-observed.length).some(differs)) break;
  }
  return answered;
}

/** Up to the first difference: what comes behind it says nothing. */
function untilDifference(answered: readonly Answered[]): readonly Answered[] {
  const first = answered.findIndex(differs);
  return first < 0 ? answered : answered.slice(0, first + 1);
}

function findingOf(name: string, answered: readonly Answered[]): LiveFinding | null {
  const last = answered.at(-1);
  if (last === undefined || !differs(last)) return null;
  return {
    kind: 'difference',
    file: name,
    calls: answered.length,
    text: differenceText(last.call, last.expected, last.observed),
    steps: answered.map(({ call, observed }) => stepText(call, observed)),
    times: 1,
    known: true,
    repeatable: true,
  };
}

/** What came of a file. */
interface Replayed {
  readonly file: ReplayedFile;
  readonly finding: LiveFinding | null;
  readonly answered: readonly Answered[];
  readonly seconds: number;
}

const abortOf = (answer: QemuAnswer | undefined): string | null =>
  answer?.kind === 'abort' ? answer.text : null;

/** The machine of a file, as the QEMU that is asked can be it. @throws InputError where it cannot */
function machineFor({ machine }: QemuCalls, qemu: Qemu): QemuMachine {
  const name = machine.machine ?? QEMU_7_2.machine;
  if (!qemu.machines.includes(name)) {
    throw new InputError(
      `the calls were made to a ${name}, and QEMU ${qemu.version} has ${qemu.machines[0]} to ${qemu.machines.at(-1)}`,
    );
  }
  return { ...machine, machine: name };
}

/** @throws InputError where no such machine can be started */
function specificationOf(machine: QemuMachine, switches: Partial<WindowSwitches>): QemuSpecification {
  try {
    return new QemuSpecification(machine, switches);
  } catch (error) {
    throw error instanceof RangeError ? new InputError(error.message) : error;
  }
}

/**
 * Makes the calls of one file.
 * @throws InputError for a file that cannot be replayed
 */
export async function replayed(
  path: string,
  switches: Partial<WindowSwitches>,
  host: Host,
  ask: () => Qemu,
): Promise<Replayed> {
  const name = inputName(path);
  const recorded = await readQemuCalls(inputOf(path, host));
  const qemu = ask();
  const machine = machineFor(recorded, qemu);
  const specification = specificationOf(machine, switches);
  const began = performance.now();
  const target = await qemu.start(machine);
  try {
    const answered = untilDifference(await answersTo(recorded, specification, target, host, name));
    const differences = answered.filter(differs).length;
    const unlike = answered.filter((each) => !differs(each) && !answersAgree(each.answer, each.observed));
    return {
      file: {
        file: name,
        machine: machine.machine!,
        calls: answered.length,
        differences,
        unlikeRecorded: unlike.length,
        abort: abortOf(answered.at(-1)?.observed),
      },
      finding: findingOf(name, answered),
      answered,
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    await target.close();
  }
}

/** `spapr-dma live FILE…`: recorded calls, made to a real QEMU and to the specification. */
export async function replayFiles(call: LiveCall, host: Host, ask: () => Qemu): Promise<Compared> {
  const switches = switchesOf(call.set);
  const coverage = new Coverage();
  const files: ReplayedFile[] = [];
  let report = nothingAsked(null, null);
  let error: Compared['error'] = null;
  for (const path of call.files) {
    try {
      const { file, finding, answered, seconds } = await replayed(path, switches, host, ask);
      files.push(file);
      for (const { call: made, observed } of answered) coverage.saw(made, observed);
      report = {
        ...summed(report, { calls: file.calls, machines: 1, versions: [file.machine], seconds }),
        qemu: ask().version,
        differences: report.differences + file.differences,
        findings: finding === null ? report.findings : [...report.findings, finding],
      };
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      error = { line: thrown.line, text: namedText(path, thrown.message) };
    }
    if (host.interrupted.aborted) error ??= interruption(report.calls);
    if (error !== null) break;
  }
  return {
    report: { ...report, coverage: coverage.statuses() },
    switches: { ...switches },
    branches: null,
    files,
    defects: [],
    error,
  };
}

/** A complaint about one file of several names it. */
const namedText = (path: string, text: string): string =>
  text.includes(inputName(path)) ? text : `${inputName(path)}: ${text}`;
