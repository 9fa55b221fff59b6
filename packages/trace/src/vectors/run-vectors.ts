import {
  DR_STATUSES,
  HCALL_CODES,
  type HcallReturn,
  type QemuAborted,
  RTAS_STATUSES,
  type RtasReturn,
  threadId,
} from '@spapr-dma/protocol';
import { DEFAULT_VIOS, QEMU_7_2, type QemuReceived, type QemuSent, qemuMachine } from '@spapr-dma/qemu-spapr';
import { stepper } from '@spapr-dma/system';
import type { SnapshotFrom } from 'xstate';
import { InputError } from '../input.js';
import { LineSplitter } from '../lines.js';
import {
  type HcallVector,
  parseMeta,
  parseVector,
  type RtasVector,
  type Vector,
  type VectorMeta,
} from './vector-format.js';

/** What a file of vectors showed. */
export interface VectorsReport {
  readonly format: string;
  /** Calls in the file. */
  readonly vectors: number;
  /** Calls whose answer was held against the specification's. */
  readonly compared: number;
  readonly mismatches: number;
  readonly first: {
    readonly line: number;
    readonly n: number;
    readonly op: string;
    readonly expected: unknown;
    readonly observed: unknown;
  } | null;
  readonly unmodelled: readonly {
    readonly line: number;
    readonly scenario: string | null;
    readonly n: number;
    readonly op: string;
    readonly reason: string;
  }[];
  readonly error: { readonly line: number | null; readonly text: string } | null;
}

export interface VectorsOptions {
  /** Called now and then with the number of lines read. */
  readonly onProgress?: (lines: number) => void;
}

const FORMAT = 'qemu-calls-1';
/** A line holds at most 512 TCEs of 20 characters, and what the recorder had to say. */
const LINE_BYTES_MAX = 1 << 20;
/** Calls that are listed one by one where they are not modelled; beyond that they are only counted. */
const UNMODELLED_MAX = 10_000;
const PROGRESS_LINES = 20_000;
/** What a return cell holds that nobody wrote. */
const UNTOUCHED = '0xdeadbeef';

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const VCPU = threadId('vcpu0');

/** The message that a recorded call is. */
function messageOf(vector: HcallVector | RtasVector): QemuReceived {
  const from = 'guest-kernel';
  const to = 'qemu-spapr';
  if (vector.kind === 'rtas') {
    return { type: vector.op, from, to, thread: VCPU, args: vector.args, nret: vector.nret };
  }
  const { op: type, list: tces } = vector;
  const [liobn = 0n, ioba = 0n, third = 0n, npages = 0n] = vector.args;
  switch (type) {
    case 'H_PUT_TCE':
      return { type, from, to, thread: VCPU, liobn, ioba, tce: third };
    case 'H_GET_TCE':
      return { type, from, to, thread: VCPU, liobn, ioba };
    case 'H_STUFF_TCE':
      return { type, from, to, thread: VCPU, liobn, ioba, tceValue: third, npages };
    case 'H_PUT_TCE_INDIRECT':
      return { type, from, to, thread: VCPU, liobn, ioba, tceList: third, npages, tces };
  }
}

type Answer = HcallReturn | RtasReturn | QemuAborted;

const isAnswer = (message: QemuSent): message is Answer =>
  message.type === 'hcall-return' || message.type === 'rtas-return' || message.type === 'qemu-aborted';

/** An answer as the file writes it. */
function written(answer: Answer | undefined, nret: number): unknown {
  switch (answer?.type) {
    case 'hcall-return': {
      const rc = HCALL_CODES[answer.status];
      return answer.tce === null ? { rc } : { rc, tce: hex(answer.tce) };
    }
    case 'rtas-return': {
      const status = { ...RTAS_STATUSES, ...DR_STATUSES }[answer.status];
      const cells = Array.from({ length: nret }, (_, at) => {
        if (at === 0) return status;
        const output = answer.outputs[at - 1];
        return output === undefined ? UNTOUCHED : hex(output >>> 0);
      });
      return { rc: answer.hcallStatus === 'H_SUCCESS' ? 0 : HCALL_CODES.H_PARAMETER, rets: cells };
    }
    case 'qemu-aborted':
      return { abort: true };
    default:
      return { answer: null };
  }
}

/** The recorded answer in the same form. */
function recorded(vector: HcallVector | RtasVector): unknown {
  if (vector.abort) return { abort: true };
  if (vector.kind === 'rtas') return { rc: vector.rc, rets: vector.rets };
  return vector.tce === null ? { rc: vector.rc } : { rc: vector.rc, tce: hex(vector.tce) };
}

/** Are two answers the same? Written for the case that they are, which is nearly every one. */
function agrees(vector: HcallVector | RtasVector, answer: Answer | undefined): boolean {
  if (vector.kind === 'hcall' && !vector.abort && answer?.type === 'hcall-return') {
    return HCALL_CODES[answer.status] === vector.rc && answer.tce === vector.tce;
  }
  const nret = vector.kind === 'rtas' ? vector.nret : 0;
  return JSON.stringify(written(answer, nret)) === JSON.stringify(recorded(vector));
}

/** One run over a file. */
class VectorsRun {
  readonly #stepper = stepper<typeof qemuMachine, QemuSent>(qemuMachine);
  #snapshot: SnapshotFrom<typeof qemuMachine> | null = null;
  #line = 0;
  vectors = 0;
  compared = 0;
  mismatches = 0;
  unmodelledCount = 0;
  first: VectorsReport['first'] = null;
  readonly unmodelled: VectorsReport['unmodelled'][number][] = [];

  take(text: string): void {
    this.#line++;
    if (text === '') return;
    if (this.#snapshot === null) this.#start(parseMeta(text, this.#line));
    else this.#compare(parseVector(text, this.#line));
  }

  get line(): number {
    return this.#line;
  }

  get started(): boolean {
    return this.#snapshot !== null;
  }

  #start({ phbs }: VectorMeta): void {
    const { snapshot } = this.#stepper.initial({ config: QEMU_7_2, devices: [...phbs, ...DEFAULT_VIOS] });
    this.#snapshot = this.#stepper.step(snapshot, {
      type: 'system_reset',
      from: 'environment',
      to: 'qemu-spapr',
    }).snapshot;
  }

  #compare(vector: Vector): void {
    this.vectors++;
    const before = this.#snapshot;
    if (before === null) return;
    if (before.value === 'aborted') {
      this.#passOver(vector, 'QEMU aborted before this call');
      return;
    }
    const { snapshot, sent } = this.#stepper.step(before, messageOf(vector));
    this.#snapshot = snapshot;
    this.compared++;
    const answer = sent.find(isAnswer);
    if (agrees(vector, answer)) return;
    this.mismatches++;
    this.first ??= {
      line: this.#line,
      n: vector.n,
      op: vector.op,
      expected: written(answer, vector.kind === 'rtas' ? vector.nret : 0),
      observed: recorded(vector),
    };
  }

  #passOver({ n, op }: Vector, reason: string): void {
    this.unmodelledCount++;
    if (this.unmodelled.length < UNMODELLED_MAX) {
      this.unmodelled.push({ line: this.#line, scenario: null, n, op, reason });
    }
  }
}

/**
 * Replays recorded calls through QEMU's machine and compares every answer and every output cell.
 * What is wrong with the input is told in `error`; what came before it is compared all the same.
 */
export async function runVectors(
  input: AsyncIterable<Uint8Array>,
  { onProgress }: VectorsOptions = {},
): Promise<VectorsReport> {
  const run = new VectorsRun();
  const report = (error: VectorsReport['error']): VectorsReport => ({
    format: FORMAT,
    vectors: run.vectors,
    compared: run.compared,
    mismatches: run.mismatches,
    first: run.first,
    unmodelled: run.unmodelled,
    error,
  });
  const splitter = new LineSplitter((bytes, start, end) => {
    run.take(bytes.toString('utf8', start, end).trimEnd());
    if (run.line % PROGRESS_LINES === 0) onProgress?.(run.line);
    return true;
  }, LINE_BYTES_MAX);
  try {
    for await (const chunk of input) splitter.take(chunk);
    const rest = splitter.rest();
    if (rest !== null) run.take(rest.toString('utf8').trimEnd());
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return report({ line: error.line, text: error.message });
  }
  if (!run.started) return report({ line: null, text: 'the file is empty: it has no vectors' });
  if (run.vectors === 0)
    return report({ line: run.line, text: 'the file ends after its first line: it has no calls' });
  return report(null);
}
