import { bytes, type Device, type MigrationStream, unreachable, type VioDevice } from '@spapr-dma/protocol';
import {
  DEFAULT_VIOS,
  QEMU_7_2,
  type QemuConfig,
  type QemuSent,
  type QemuState,
  qemuMachine,
  ramOf,
  type WindowSwitches,
} from '@spapr-dma/qemu-spapr';
import { stepper } from '@spapr-dma/system';
import type { SnapshotFrom } from 'xstate';
import { answerIn, messageOf, type StepCall } from './call-message.js';
import { devicesAfter, withConnectorsOf } from './migration.js';
import type { QemuAnswer, QemuCall, QemuMachine } from './qemu-call.js';

type Snapshot = SnapshotFrom<typeof qemuMachine>;

const machine = stepper<typeof qemuMachine, QemuSent>(qemuMachine);

/** Bytes that the window of a VIO device spans. @see [QEMU] hw/scsi/spapr_vscsi.c; hw/net/spapr_llan.c */
const VIO_WINDOW = bytes(0x1000_0000n);
/** Slot 3, function 0: there an `edu` sits behind each PHB of the first line. */
export const EDU_DEVFN = 3 << 3;
/** The name of that device. */
export const eduId = (phb: number): string => `edu${phb}`;

/** What QEMU's command line has. */
function devicesOf({ phbs, vios }: QemuMachine): readonly Device[] {
  const given = vios.map((vio): VioDevice => ({ ...vio, rtceWindowBytes: VIO_WINDOW }));
  return [
    ...phbs,
    ...given,
    ...DEFAULT_VIOS.filter(({ reg }) => given.every((vio) => vio.reg !== reg)),
    ...phbs.map(({ index }) => ({ driver: 'pci', id: eduId(index), phb: index, devfn: EDU_DEVFN }) as const),
  ];
}

/** What a call leads to. */
interface Outcome {
  readonly snapshot: Snapshot;
  readonly answer: QemuAnswer;
}

/** A command that says nothing has succeeded. */
const SUCCEEDED: QemuAnswer = { kind: 'monitor', error: null };

/**
 * QEMU's machine behind calls and answers: what the specification says of a QEMU without KVM and VFIO.
 *
 * A QEMU that aborted answers every further call with that abort. A transfer through a PHB that has no device moves
 * nothing.
 */
export class QemuSpecification {
  readonly machine: QemuMachine;
  readonly #config: QemuConfig;
  #snapshot: Snapshot;
  #gone: QemuAnswer | null;
  /** What was predicted last: mostly that call is the next one. */
  #predicted: { readonly call: QemuCall; readonly outcome: Outcome } | null = null;

  /**
   * @param origin whose condition it takes over, instead of starting anew
   * @throws RangeError where no such machine can be started, with the reason
   */
  constructor(
    asked: QemuMachine,
    switches: Partial<WindowSwitches> = {},
    origin: QemuSpecification | null = null,
  ) {
    this.machine = asked;
    this.#config = {
      ...QEMU_7_2,
      machine: asked.machine ?? QEMU_7_2.machine,
      switches: { ...QEMU_7_2.switches, ...switches },
    };
    this.#snapshot = origin === null ? this.#started(devicesOf(asked)) : origin.#snapshot;
    this.#gone = origin === null ? null : origin.#gone;
  }

  /** What the machine knows now. */
  get state(): QemuState {
    return this.#snapshot.context;
  }

  get isAborted(): boolean {
    return this.#gone !== null;
  }

  /** Takes a call. */
  step(call: QemuCall): QemuAnswer {
    const { snapshot, answer } =
      this.#predicted?.call === call ? this.#predicted.outcome : this.#outcome(call);
    this.#snapshot = snapshot;
    this.#predicted = null;
    if (answer.kind === 'abort') this.#gone = answer;
    return answer;
  }

  /** What `step` would answer; the machine stays as it is. */
  predict(call: QemuCall): QemuAnswer {
    const outcome = this.#outcome(call);
    this.#predicted = { call, outcome };
    return outcome.answer;
  }

  /** Another one, which goes on from here by itself. */
  fork(): QemuSpecification {
    return new QemuSpecification(this.machine, this.#config.switches, this);
  }

  /** A machine that has had its first reset. */
  #started(devices: readonly Device[]): Snapshot {
    const ram = ramOf(BigInt(this.machine.ramMb) << 20n);
    const { snapshot } = machine.initial({ config: this.#config, ram, devices });
    return machine.step(snapshot, { type: 'system_reset', from: 'environment', to: 'qemu-spapr' }).snapshot;
  }

  #outcome(call: QemuCall): Outcome {
    if (this.#gone !== null) return { snapshot: this.#snapshot, answer: this.#gone };
    if (call.op === 'migrate') return this.#migrated();
    if (call.kind === 'dma' && !this.state.devices.some(({ phb }) => phb === call.phb)) {
      return { snapshot: this.#snapshot, answer: { kind: 'dma', pieces: [] } };
    }
    const stepped = this.#stepped(call);

    return { snapshot: stepped.snapshot, answer: answerIn(call, stepped.sent) ?? silenceOf(call) };
  }

  #stepped(call: StepCall) {
    return machine.step(this.#snapshot, messageOf(call));
  }

  /** A second QEMU loads the stream and goes on; where it cannot load it, this one does. */
  #migrated(): Outcome {
    const { from, to } = { from: 'environment', to: 'qemu-spapr' } as const;
    const before = this.#snapshot;
    const saved = machine.step(before, { type: 'migrate', from, to }).sent;
    const stream = streamIn(saved) ?? unreachable('a machine without VFIO writes a stream');
    const fresh = this.#started(devicesAfter(devicesOf(this.machine), before.context));
    const loaded = machine.step(fresh, { type: 'migrate-incoming', from, to, stream });
    const answer = answerIn({ kind: 'monitor', op: 'rcu' }, loaded.sent) ?? SUCCEEDED;
    if (answer.kind === 'monitor' && answer.error !== null) return { snapshot: before, answer };
    const context = withConnectorsOf(loaded.snapshot.context, before.context);
    return { snapshot: { ...loaded.snapshot, context } as Snapshot, answer };
  }
}

function streamIn(sent: readonly QemuSent[]): MigrationStream | undefined {
  for (const message of sent) {
    if (message.type === 'monitor-return' && message.stream !== null) return message.stream;
  }
  return undefined;
}

function silenceOf({ kind }: QemuCall): QemuAnswer {
  return kind === 'monitor' ? SUCCEEDED : unreachable('a call of the guest has no answer');
}
