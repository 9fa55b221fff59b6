import type { Fd } from '@spapr-dma/protocol';

/** What is behind a descriptor of a recorded process. */
export type OpenFile =
  /** A file of VFIO, under the machine's own number. */
  | { readonly of: 'vfio'; readonly kind: 'container' | 'group'; readonly fd: Fd }
  | {
      readonly of: 'vfio';
      readonly kind: 'device';
      readonly fd: Fd;
      readonly device: string;
      /** Whether the process has mapped the device's registers. */
      readonly mapped: boolean;
    }
  | { readonly of: 'kvm'; readonly kind: 'table' | 'device'; readonly fd: Fd }
  /** `/dev/kvm`, the VM and its vCPUs, which the machine of KVM is; their numbers are all that they have. */
  | { readonly of: 'process'; readonly kind: 'kvm' | 'vm' | 'vcpu' };

export type DeviceFile = Extract<OpenFile, { readonly kind: 'device'; readonly device: string }>;

/** A number that no machine gives to a file. */
const NO_FD: Fd = -1;

/**
 * The descriptors of one process: the lowest free number is given, as Linux does. The machines of VFIO and KVM
 * have numbers of their own.
 */
export class Descriptors {
  readonly #files: Map<number, OpenFile>;
  readonly #first: number;

  constructor(first: number, files: ReadonlyMap<number, OpenFile> = new Map()) {
    this.#first = first;
    this.#files = new Map(files);
  }

  /** What a child of the process begins with. */
  copy(): Descriptors {
    return new Descriptors(this.#first, this.#files);
  }

  /** Gives a file its number. */
  add(file: OpenFile): number {
    let fd = this.#first;
    while (this.#files.has(fd)) fd++;
    this.#files.set(fd, file);
    return fd;
  }

  at(fd: number): OpenFile | undefined {
    return this.#files.get(fd);
  }

  remove(fd: number): void {
    this.#files.delete(fd);
  }

  /** The machine's number for a descriptor; one that nothing has where the descriptor is not open. */
  machineFd(fd: number): Fd {
    const file = this.#files.get(fd);
    return file === undefined || file.of === 'process' ? NO_FD : file.fd;
  }

  /** The machine's number for the first file of VFIO of a kind: what a call that names none is made on. */
  firstOf(kind: 'container' | 'group' | 'device'): Fd {
    for (const [, file] of this.#inOrder()) if (file.of === 'vfio' && file.kind === kind) return file.fd;
    return NO_FD;
  }

  /** The device that was opened under the highest number; null where none is open. */
  device(): { readonly number: number; readonly file: DeviceFile } | null {
    const devices = this.#inOrder().flatMap(([number, file]) =>
      file.of === 'vfio' && file.kind === 'device' ? [{ number, file }] : [],
    );
    return devices.at(-1) ?? null;
  }

  /** The process has mapped the registers of a device. */
  map(number: number, file: DeviceFile): void {
    this.#files.set(number, { ...file, mapped: true });
  }

  #inOrder(): [number, OpenFile][] {
    return [...this.#files].sort(([a], [b]) => a - b);
  }
}
