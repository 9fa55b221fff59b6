import type { QemuMachine } from '@spapr-dma/trace';
import type { PciPlace } from './command-line.js';
import { type Entry, type Guest, store, waitFor } from './guest.js';

/** Bytes that one transfer may have: QEMU ends where it has one more. */
export const TRANSFER_MAX = 4095;

/** Registers. @see [QEMU] docs/specs/edu.txt */
const SOURCE = 0x80n;
const TARGET = 0x88n;
const COUNT = 0x90n;
const COMMAND = 0x98n;
const START_READ = 1;
const START_WRITE = 3;
/** Where the device itself sees its buffer. */
const BUFFER = 0x4_0000n;
const VENDOR_AND_DEVICE = 0x11e8_1234;

/** Configuration registers, and what is written there. */
const BAR_0 = 0x10;
const COMMAND_STATUS = 4;
const MEMORY_AND_MASTER = 6;

/** Registers of one function: a MiB of the PHB's 32-bit space each, from here on. */
const BUS_START = 0x8000_0000;
const FUNCTION_BYTES = 0x10_0000;

/** Where the guest sees bus address BUS_START of a PHB. @see [QEMU] hw/ppc/spapr.c: spapr_phb_placement */
function memoryWindow({ machine }: QemuMachine, phb: number): bigint {
  const [, major = 0, minor = 0] = /^pseries-(\d+)\.(\d+)$/.exec(machine ?? '')?.map(Number) ?? [];
  const isUpTo2_7 = machine !== null && (major < 2 || (major === 2 && minor <= 7));
  if (isUpTo2_7) return 0x100_0000_0000n + BigInt(phb) * 0x10_0000_0000n + 0xa000_0000n;
  return 0x2000_0000_0000n + (BigInt(phb) + 1n) * 0x8000_0000n;
}

const buidOf = (phb: number): readonly [number, number] => [0x800_0000, 0x2000_0000 + phb];

/** A device that moves what it is told to: an `edu` behind a PHB. */
export class Edu {
  readonly place: PciPlace;
  /** What its buffer holds. */
  readonly holds = Buffer.alloc(TRANSFER_MAX);
  /** Its buffer was not looked at since: the PHB had no window to do so. */
  isUnproven = false;
  /** Its buffer was filled with something to tell zeros from. */
  isFilled = false;
  readonly #registers: bigint;
  readonly #bus: number;

  constructor(machine: QemuMachine, place: PciPlace) {
    this.place = place;
    this.#bus = BUS_START + place.devfn * FUNCTION_BYTES;
    this.#registers = memoryWindow(machine, place.phb) + BigInt(place.devfn * FUNCTION_BYTES);
  }

  /** Gives it its registers, and lets it master the bus. False where nobody is there. */
  async setUp(guest: Guest): Promise<boolean> {
    const { phb, devfn } = this.place;
    const at = (register: number): readonly number[] => [(devfn << 8) | register, ...buidOf(phb)];
    const [{ rets }] = await guest.rtas(
      ['ibm,read-pci-config', [...at(0), 4], 2],
      ['ibm,write-pci-config', [...at(BAR_0), 4, this.#bus], 1],
      ['ibm,write-pci-config', [...at(COMMAND_STATUS), 2, MEMORY_AND_MASTER], 1],
    );
    return rets[0] === 0 && rets[1] === VENDOR_AND_DEVICE;
  }

  /** Reads guest memory into the buffer, or writes the buffer to it, from byte `at` of the buffer on. */
  transfer(access: 'read' | 'write', ioba: bigint, at: number, bytes: number): readonly Entry[] {
    const buffer = BUFFER + BigInt(at);
    const [source, target] = access === 'read' ? [ioba, buffer] : [buffer, ioba];
    return [
      store(this.#registers + SOURCE, source),
      store(this.#registers + TARGET, target),
      store(this.#registers + COUNT, bytes),
      store(this.#registers + COMMAND, access === 'read' ? START_READ : START_WRITE),
      waitFor(this.#registers + COMMAND),
    ];
  }
}
