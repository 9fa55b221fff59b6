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
import { Tally, type VectorsReplay } from './report.js';
import {
  type HcallVector,
  parseMeta,
  parseVector,
  type RtasVector,
  type Vector,
  type VectorMeta,
} from './vector-format.js';

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

/** Hypercalls and RTAS calls, replayed through QEMU's machine. */
export class QemuCallsReplay implements VectorsReplay {
  readonly format = 'qemu-calls-1';
  readonly tally = new Tally();
  readonly #stepper = stepper<typeof qemuMachine, QemuSent>(qemuMachine);
  #snapshot: SnapshotFrom<typeof qemuMachine> | null = null;

  take(text: string, line: number): void {
    if (this.#snapshot === null) this.#start(parseMeta(text, line));
    else this.#compare(this.#snapshot, parseVector(text, line), line);
  }

  #start({ phbs }: VectorMeta): void {
    const { snapshot } = this.#stepper.initial({ config: QEMU_7_2, devices: [...phbs, ...DEFAULT_VIOS] });
    this.#snapshot = this.#stepper.step(snapshot, {
      type: 'system_reset',
      from: 'environment',
      to: 'qemu-spapr',
    }).snapshot;
  }

  #compare(before: SnapshotFrom<typeof qemuMachine>, vector: Vector, line: number): void {
    const { n, op } = vector;
    const place = { line, scenario: null, n, op };
    if (before.value === 'aborted') {
      this.tally.passedOver(place, 'QEMU aborted before this call');
      return;
    }
    const { snapshot, sent } = this.#stepper.step(before, messageOf(vector));
    this.#snapshot = snapshot;
    const answer = sent.find(isAnswer);
    if (agrees(vector, answer)) this.tally.agreed();
    else {
      const nret = vector.kind === 'rtas' ? vector.nret : 0;
      this.tally.differed(place, written(answer, nret), recorded(vector));
    }
  }
}
