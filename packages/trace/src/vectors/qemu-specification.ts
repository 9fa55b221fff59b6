import { bytes, type Device, type MigrationStream, unreachable, type VioDevice } from '@spapr-dma/protocol';
import {
  DEFAULT_VIOS,
  outcomeOf,
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
import { devicesAfter } from './migration.js';
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

/** A machine that runs: where its chart stands, and what it knows. */
interface Running {
  /** Its context is an old one: `qemu` counts. */
  readonly snapshot: Snapshot;
  readonly qemu: QemuState;
  /** Names of devices that were not on the command line. */
  readonly plugged: ReadonlySet<string>;
}

/** What a call leads to. */
interface Outcome {
  readonly after: Running;
  readonly answer: QemuAnswer;
}

const NOTHING_PLUGGED: ReadonlySet<string> = new Set();
const runningAt = (snapshot: Snapshot, plugged = NOTHING_PLUGGED): Running => ({
  snapshot,
  qemu: snapshot.context,
  plugged,
});

/**
 * Is there a device behind a PHB that somebody can drive? A function that was plugged stays hidden until function 0
 * of its slot is there. @see [QEMU] hw/pci/pci_host.c: pci_host_config_read_common
 */
const hasDevice = ({ qemu: { devices }, plugged }: Running, phb: number): boolean =>
  devices.some(
    (device) =>
      device.phb === phb &&
      (!plugged.has(device.id) ||
        devices.some((other) => other.phb === phb && other.devfn === device.devfn - (device.devfn & 7))),
  );

/** The devices that were plugged, after a call that succeeded. */
const pluggedAfter = (plugged: ReadonlySet<string>, call: StepCall): ReadonlySet<string> =>
  call.op === 'device_add' && call.device.driver === 'pci' ? new Set(plugged).add(call.device.id) : plugged;

/** A command that says nothing has succeeded. */
const SUCCEEDED: QemuAnswer = { kind: 'monitor', error: null };

/** The answer to a call, which the guest always gets. */
function answerTo(call: StepCall, sent: readonly QemuSent[]): QemuAnswer {
  const answer = answerIn(call, sent);
  if (answer !== null) return answer;
  return call.kind === 'monitor' ? SUCCEEDED : unreachable('a call of the guest has no answer');
}

/**
 * Lets the machine take a call. Where there is no KVM and no VFIO, a hypercall and a transfer take one step and no other
 * state of the chart: it is not asked, since nearly every call is one, and it hands on each line of a long transfer.
 */
function taken({ snapshot, qemu, plugged }: Running, call: StepCall): Outcome {
  const message = messageOf(call);
  if (call.kind === 'hcall' || call.kind === 'dma') {
    const outcome = outcomeOf(qemu, message);
    return { after: { snapshot, qemu: outcome.qemu, plugged }, answer: answerTo(call, outcome.sent) };
  }
  const before = snapshot.context === qemu ? snapshot : ({ ...snapshot, context: qemu } as Snapshot);
  const stepped = machine.step(before, message);
  const answer = answerTo(call, stepped.sent);
  const isDone = answer.kind === 'monitor' && answer.error === null;
  return { after: runningAt(stepped.snapshot, isDone ? pluggedAfter(plugged, call) : plugged), answer };
}

const ENVIRONMENT = { from: 'environment', to: 'qemu-spapr' } as const;

/**
 * QEMU's machine behind calls and answers: what the specification says of a QEMU without KVM and VFIO.
 *
 * A QEMU that aborted answers every further call with that abort. A transfer through a PHB that has no device moves
 * nothing.
 */
export class QemuSpecification {
  readonly machine: QemuMachine;
  readonly #config: QemuConfig;
  #at: Running;
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
    this.#at = origin === null ? runningAt(this.#started(devicesOf(asked))) : origin.#at;
    this.#gone = origin === null ? null : origin.#gone;
  }

  /** What the machine knows now. */
  get state(): QemuState {
    return this.#at.qemu;
  }

  get isAborted(): boolean {
    return this.#gone !== null;
  }

  /** Takes a call. */
  step(call: QemuCall): QemuAnswer {
    const { after, answer } = this.#outcome(call);
    this.#at = after;
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
    if (snapshot.status === 'error') throw snapshot.error;
    return machine.step(snapshot, { type: 'system_reset', ...ENVIRONMENT }).snapshot;
  }

  #outcome(call: QemuCall): Outcome {
    if (this.#predicted?.call === call) return this.#predicted.outcome;
    const before = this.#at;
    if (this.#gone !== null) return { after: before, answer: this.#gone };
    if (call.op === 'migrate') return this.#migrated(before);
    if (call.kind === 'dma' && !hasDevice(before, call.phb)) {
      return { after: before, answer: { kind: 'dma', pieces: [] } };
    }
    return taken(before, call);
  }

  /** A second QEMU loads the stream and goes on; where it cannot load it, this one does. */
  #migrated(before: Running): Outcome {
    const saved = machine.step({ ...before.snapshot, context: before.qemu } as Snapshot, {
      type: 'migrate',
      ...ENVIRONMENT,
    });
    const stream = streamIn(saved.sent) ?? unreachable('a machine without VFIO writes a stream');
    const fresh = this.#started(devicesAfter(devicesOf(this.machine), before.qemu));
    const loaded = machine.step(fresh, { type: 'migrate-incoming', ...ENVIRONMENT, stream });
    const answer = answerTo({ kind: 'monitor', op: 'rcu' }, loaded.sent);
    if (answer.kind === 'monitor' && answer.error !== null) return { after: before, answer };
    return { after: runningAt(loaded.snapshot), answer };
  }
}

function streamIn(sent: readonly QemuSent[]): MigrationStream | undefined {
  for (const message of sent) {
    if (message.type === 'monitor-return' && message.stream !== null) return message.stream;
  }
  return undefined;
}
