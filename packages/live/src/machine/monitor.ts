import { type QemuProcess, QmpError } from '@spapr-dma/qemu-process';
import type { MonitorMade, QemuAnswer, QemuMachine } from '@spapr-dma/trace';
import { eduDevice, phbDevice, phbId } from './command-line.js';
import type { Devices } from './devices.js';
import { LiveError } from './live-error.js';

export type Commanded = Exclude<MonitorMade, { readonly op: 'migrate' }>;

/** QEMU's RCU thread sleeps for up to 50 ms before it frees a few things; so long the vCPU stands still. */
const RCU_MS = 200;
/** How often it is looked for, in ms. */
const STEP_MS = 2;
/** How often it is waited for. */
const RCU_ROUNDS = 50;

/** What QEMU tells of a device when nothing of it is left. */
const FREED = 'DEVICE_DELETED';

const succeeded: QemuAnswer = { kind: 'monitor', error: null };

/** What somebody at the monitor does. */
export class Monitor {
  readonly #machine: QemuMachine;
  readonly #devices: Devices;
  readonly #qemu: () => QemuProcess;
  /** How many events there were when a device was plugged: older ones are of another device of that name. */
  readonly #from = new Map<string, number>();

  constructor(machine: QemuMachine, devices: Devices, qemu: () => QemuProcess) {
    this.#machine = machine;
    this.#devices = devices;
    this.#qemu = qemu;
  }

  /** Another QEMU tells its own events. */
  renew(): void {
    this.#from.clear();
  }

  /** @throws QemuGone */
  async make(call: Commanded): Promise<QemuAnswer> {
    switch (call.op) {
      case 'system_reset':
        await this.#reset();
        return succeeded;
      case 'rcu':
        await this.#free();
        return succeeded;
      default:
        return this.#refusable(call);
    }
  }

  async #refusable(call: Extract<Commanded, { op: 'device_add' | 'device_del' }>): Promise<QemuAnswer> {
    try {
      await (call.op === 'device_add' ? this.#add(call.device) : this.#delete(call.target));
    } catch (error) {
      if (error instanceof QmpError) return { kind: 'monitor', error: error.message };
      throw error;
    }
    return succeeded;
  }

  async #reset(): Promise<void> {
    const { qmp } = this.#qemu();
    const from = qmp.events.length;
    await qmp.command('system_reset');
    await qmp.event('RESET', { from });
  }

  async #add(device: Extract<Commanded, { op: 'device_add' }>['device']): Promise<void> {
    const isPhb = device.driver === 'spapr-pci-host-bridge';
    const properties = isPhb ? phbDevice(this.#machine, device) : eduDevice(device);
    const { qmp } = this.#qemu();
    const from = qmp.events.length;
    await qmp.command('device_add', properties);
    this.#from.set(String(properties.id), from);
    if (isPhb) this.#devices.addPhb(device);
    else this.#devices.addPci(device);
  }

  async #delete(target: Extract<Commanded, { op: 'device_del' }>['target']): Promise<void> {
    const id = target.kind === 'phb' ? phbId(target.index) : target.id;
    await this.#qemu().qmp.command('device_del', { id });
  }

  /** Names of what was plugged by somebody and is there. */
  async names(): Promise<ReadonlySet<string>> {
    const listed = await this.#qemu().qmp.command('qom-list', { path: '/machine/peripheral' });
    return new Set((listed as readonly { readonly name: string }[]).map(({ name }) => name));
  }

  /**
   * Lets the RCU thread free what left: it tells so only then. It waits for the vCPU, which has to stand still for that.
   */
  async #free(): Promise<void> {
    const { qmp } = this.#qemu();
    const left = this.#devices.leftOf(await this.names());
    const isLeft = (id: string): boolean =>
      !qmp.events
        .slice(this.#from.get(id) ?? 0)
        .some(({ event, data }) => event === FREED && data.device === id);
    for (let round = 0; left.some(isLeft); round += 1) {
      if (round === RCU_ROUNDS) throw new LiveError(`QEMU does not free ${left.filter(isLeft).join(', ')}`);
      await qmp.command('stop');
      for (let ms = 0; ms < RCU_MS && left.some(isLeft); ms += STEP_MS) {
        await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      }
      await qmp.command('cont');
    }
    this.#devices.drop(left);
  }
}
