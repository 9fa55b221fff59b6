import { type Fork, type HostPageShift, type ProcessId, pageBytes } from '@spapr-dma/protocol';
import { type Played, refused, returned, unmodelled } from './answer.js';
import { Arguments, type Place } from './arguments.js';
import { type Caller, MAIN } from './caller.js';
import { Descriptors } from './descriptors.js';
import { type HostAction, inputsOf, type ScenarioEnvironment, type StepInputs } from './environment.js';
import { isTceHcall, playHcall } from './hcalls.js';
import type { HostKernel } from './host-kernel.js';
import { closeKvm, KVM_CALLS, openKvm } from './kvm-calls.js';
import { addressOf, RecordedMemory } from './memory.js';
import { isNote, type RecordingRow } from './row.js';
import { Transfers } from './transfers.js';
import { closeVfio, openVfio, VFIO_CALLS } from './vfio-calls.js';

/** The process that a scenario starts with: the one whose guest KVM runs. */
const VMM: ProcessId = 'qemu';

/** What a scenario needs to know of where it runs. */
export interface ScenarioSetting {
  readonly host: HostKernel;
  readonly hostName: string;
  readonly hostPageShift: HostPageShift;
  readonly environment: ScenarioEnvironment;
  readonly absent: readonly bigint[];
  readonly firstFd: number;
  /** How many times the scenario has started in its run, this one included. */
  readonly occurrence: number;
}

/** Calls that nothing here answers, with the reason. */
const BEYOND: Readonly<Record<string, string>> = {
  DEVICE_GET_INFO: 'what vfio-pci tells of a device has nothing to do with DMA',
  DEVICE_RESET: 'whether a device can be reset has nothing to do with DMA',
};

/** One scenario of a recording: a fresh process, and its children, with what they have open. */
export class Scenario {
  readonly #setting: ScenarioSetting;
  readonly #memory: RecordedMemory;
  readonly #transfers: Transfers;
  readonly #processes = new Map<ProcessId, Descriptors>();
  #rebinds = false;

  constructor(setting: ScenarioSetting) {
    const { hostPageShift, environment, absent, firstFd } = setting;
    this.#setting = setting;
    this.#memory = new RecordedMemory(hostPageShift, environment.elsewherePageShift ?? hostPageShift, absent);
    this.#transfers = new Transfers(environment);
    this.#processes.set(VMM, new Descriptors(firstFd));
    this.#tell({ type: 'map-memory', process: VMM, vma: this.#memory.buffer });
    this.#tell({ type: 'set-memlock', process: VMM, limit: null, capIpcLock: true });
  }

  /** The answer to a row's call; null for a row that makes none. @throws InputError for arguments that are none */
  play(row: RecordingRow): { readonly played: Played; readonly lockedKb: number } | null {
    const { environment, hostName: host, occurrence } = this.#setting;
    const inputs = inputsOf(environment, { n: row.n, op: row.op, given: row.args, host, occurrence });
    const args = new Arguments(row, inputs.args ?? row.args);
    for (const action of inputs.before) this.#act(action, args);
    if (isNote(row)) return null;
    const process = inputs.process ?? VMM;
    const played = this.#call(this.#caller(process, inputs), args, row);
    return { played, lockedKb: this.#setting.host.lockedKb(process) };
  }

  /** Whether drivers came or went, so that the host is not as it was when the scenario began. */
  get rebinds(): boolean {
    return this.#rebinds;
  }

  /** All processes end. */
  end(): void {
    for (const process of [...this.#processes.keys()].reverse()) this.#exit(process);
  }

  #caller(process: ProcessId, inputs: StepInputs): Caller {
    const files = this.#processes.get(process);
    if (files === undefined) throw new Error(`there is no process ${process}`);
    return { host: this.#setting.host, process, files, memory: this.#memory, inputs };
  }

  #call(caller: Caller, args: Arguments, row: RecordingRow): Played {
    const { op } = row;
    if (Object.hasOwn(BEYOND, op)) return unmodelled(BEYOND[op]!);
    if (op === 'MAP_DMA') return this.#map(caller, args);
    if (Object.hasOwn(VFIO_CALLS, op)) return VFIO_CALLS[op]!(caller, args);
    if (Object.hasOwn(KVM_CALLS, op)) return KVM_CALLS[op]!(caller, args);
    if (isTceHcall(op)) return playHcall(caller, op, args);
    if (op === 'EDU_DMA') return this.#transfers.play(caller, args, row);
    if (op === 'open') return open(caller, args.word(0, 'path'));
    if (op === 'close') return close(caller, args.number('fd') ?? args.wrong("has no 'fd' in its args"));
    return unmodelled('no call of this name is described');
  }

  #map(caller: Caller, args: Arguments): Played {
    const answer = VFIO_CALLS.MAP_DMA!(caller, args);
    const place = args.place('vaddr');
    if (answer.ret === 0 && place !== null) {
      this.#transfers.mapped(args.bigint('iova', 0n), args.bigint('size', 0n), place);
    }
    return answer;
  }

  /** What happens before a step, beside its call. */
  #act(action: HostAction, args: Arguments): void {
    const range = (first: number, count: number) => {
      const page = pageBytes(this.#setting.hostPageShift);
      const place: Place = args.place('vaddr') ?? { kind: 'buffer', offset: 0n };
      return { ua: addressOf(place) + BigInt(first) * page, bytes: BigInt(count) * page };
    };
    switch (action.do) {
      case 'set-memlock':
        this.#tell({ type: 'set-memlock', process: VMM, limit: action.limit, capIpcLock: action.capIpcLock });
        return;
      case 'protect':
        this.#tell({
          type: 'protect-memory',
          process: VMM,
          ...range(action.first, action.count),
          access: action.access,
        });
        return;
      case 'unmap':
        this.#tell({ type: 'unmap-memory', process: VMM, ...range(action.first, action.count) });
        return;
      case 'fork': {
        const fork: Pick<Fork, 'type' | 'process' | 'child'> = {
          type: 'fork',
          process: VMM,
          child: action.child,
        };
        this.#tell(fork);
        this.#processes.set(action.child, this.#processes.get(VMM)!.copy());
        return;
      }
      case 'exit':
        this.#exit(action.process);
        return;
      case 'unbind-vfio-pci':
      case 'bind-driver':
      case 'unbind-driver':
        this.#bind(action);
        return;
    }
  }

  #exit(process: ProcessId): void {
    if (!this.#processes.delete(process)) return;
    if (process === VMM) this.#tell({ type: 'exit' }, 'kvm');
    this.#tell({ type: 'exit', process });
  }

  /** A driver takes a device or gives it up. */
  #bind(message: HostAction & { readonly device: string }): void {
    this.#rebinds = true;
    const { do: type, ...rest } = message;
    this.#tell({ type, ...rest }, type === 'unbind-vfio-pci' ? 'vfio-host' : 'powernv-ioda2');
  }

  /** Says to a machine what is no recorded call. */
  #tell(message: { readonly type: string } & Readonly<Record<string, unknown>>, to = 'vfio-host'): void {
    this.#setting.host.send({ ...message, from: 'environment', to, thread: MAIN } as never);
  }
}

function open(caller: Caller, path: string): Played {
  if (path === '/dev/kvm') return openKvm(caller);
  if (/^\/dev\/vfio\/(?:vfio|\d+)$/.test(path)) return openVfio(caller, path);
  return unmodelled('this file is neither VFIO’s nor KVM’s');
}

function close(caller: Caller, fd: number): Played {
  const file = caller.files.at(fd);
  if (file === undefined) return refused('EBADF');
  caller.files.remove(fd);
  switch (file.of) {
    case 'vfio':
      return closeVfio(caller, file.fd);
    case 'kvm':
      return closeKvm(caller, file.fd);
    case 'process':
      return returned(0);
  }
}
