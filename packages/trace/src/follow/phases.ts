/** Who runs the guest: firmware until the kernel starts, the kernel until it maps for a device, then it all. */
export interface Phase {
  readonly name: 'firmware' | 'boot' | 'run';
  readonly line: number;
  /** Seconds since the first line with a timestamp; null where the log has none. */
  readonly seconds: number | null;
}

/** Phases that are listed; a log of a machine that resets for ever must not fill the memory. */
const PHASES_MAX = 512;

/** The phases of a log, told from resets, from `quiesce`, from cleared tables and from what is mapped. */
export class Phases {
  readonly #listed: Phase[] = [];
  #omitted = 0;
  #current: Phase['name'] | null = null;

  /** The machine was reset: firmware begins. */
  reset(line: number, seconds: number | null): void {
    this.#begin('firmware', line, seconds);
  }

  /** Firmware hands over, or a kernel clears a table that it found: a kernel boots. */
  kernelBoots(line: number, seconds: number | null): void {
    if (this.#current !== 'boot') this.#begin('boot', line, seconds);
  }

  /** A kernel maps something, or makes a window. */
  kernelMaps(line: number, seconds: number | null): void {
    if (this.#current === 'boot') this.#begin('run', line, seconds);
  }

  get isFirmware(): boolean {
    return this.#current === 'firmware' || this.#current === null;
  }

  get list(): readonly Phase[] {
    return this.#listed;
  }

  get omitted(): number {
    return this.#omitted;
  }

  #begin(name: Phase['name'], line: number, seconds: number | null): void {
    // Several PHBs of one reset are one beginning.
    if (name === this.#current && name === 'firmware') return;
    this.#current = name;
    if (this.#listed.length < PHASES_MAX) this.#listed.push({ name, line, seconds });
    else this.#omitted++;
  }
}
