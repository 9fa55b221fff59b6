import { type QemuProcess, QmpError } from '@spapr-dma/qemu-process';
import type { MonitorMade, QemuAnswer, QemuMachine } from '@spapr-dma/trace';
import { eduDevice, phbDevice, phbId } from './command-line.js';
import type { Devices } from './devices.js';
import { type Guest, getTce } from './guest.js';

export type Commanded = Exclude<MonitorMade, { readonly op: 'migrate' }>;

/** QEMU's RCU thread sleeps this long, in ms, before it frees a few things, and then waits for the vCPU. */
const RCU_MS = 60;
/** How often it is waited for. */
const RCU_ROUNDS = 50;

/** How we call PHBs. */
const PHB_NAME = /^phb(\d+)$/;

const succeeded: QemuAnswer = { kind: 'monitor', error: null };

/** What somebody at the monitor does. */
export class Monitor {
  readonly #machine: QemuMachine;
  readonly #guest: Guest;
  readonly #devices: Devices;
  readonly #qemu: () => QemuProcess;
  /** Events before this one were looked at. */
  #seen = 0;

  constructor(machine: QemuMachine, guest: Guest, devices: Devices, qemu: () => QemuProcess) {
    this.#machine = machine;
    this.#guest = guest;
    this.#devices = devices;
    this.#qemu = qemu;
  }

  /** Another QEMU tells its own events. */
  renew(): void {
    this.#seen = 0;
  }

  /** @throws QemuGone, GuestGone */
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
    await this.#qemu().qmp.command('device_add', properties);
    if (isPhb) this.#devices.addPhb(device);
    else this.#devices.addPci(device);
  }

  async #delete(target: Extract<Commanded, { op: 'device_del' }>['target']): Promise<void> {
    const id = target.kind === 'phb' ? phbId(target.index) : target.id;
    await this.#qemu().qmp.command('device_del', { id });
  }

  /**
   * Lets the RCU thread free what left. It waits for the vCPU, which has to stand still for that, and it is slow: windows
   * of PHBs that left are asked for until none answers.
   */
  async #free(): Promise<void> {
    const { qmp } = this.#qemu();
    const left = qmp.events
      .slice(this.#seen)
      .filter(({ event }) => event === 'DEVICE_DELETED')
      .map(({ data }) => PHB_NAME.exec(String(data.device))?.[1])
      .filter((index) => index !== undefined);
    this.#seen = qmp.events.length;
    if (left.length === 0) return;
    for (let round = 0; round < RCU_ROUNDS; round += 1) {
      await qmp.command('stop');
      await new Promise((resolve) => setTimeout(resolve, RCU_MS));
      await qmp.command('cont');
      if (round > 0 && (await this.#areSilent(left.map(Number)))) return;
    }
    throw new Error(`the windows of PHB ${left.join(', ')} are not freed`);
  }

  async #areSilent(phbs: readonly number[]): Promise<boolean> {
    const windows = phbs.flatMap((phb) =>
      this.#devices
        .startsOf(phb)
        .flatMap((start) => [0, 1].map((slot) => getTce(0x8000_0000 + phb * 0x100 + slot, start))),
    );
    return (await this.#guest.make(windows)).every(({ rc }) => rc !== 0n);
  }
}
