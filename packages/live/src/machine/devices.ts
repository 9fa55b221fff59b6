import type { PhbDevice } from '@spapr-dma/protocol';
import type { QemuMachine } from '@spapr-dma/trace';
import { completeProperties, type PciPlace, type Plugged, phbId, pluggedAtStart } from './command-line.js';
import { Edu } from './edu.js';
import type { Guest } from './guest.js';
import type { Mover } from './transfers.js';

/** What was plugged into a machine, some of which may have left it. */
export class Devices {
  readonly #machine: QemuMachine;
  readonly #phbs: PhbDevice[];
  readonly #edus: Edu[];
  /** Who moves things behind a PHB, as long as nothing comes or goes and nothing is reset. */
  readonly #movers = new Map<number, Mover | null>();

  constructor(machine: QemuMachine) {
    const { phbs, pci } = pluggedAtStart(machine);
    this.#machine = machine;
    this.#phbs = [...phbs];
    this.#edus = pci.map((place) => new Edu(machine, place));
  }

  addPhb(phb: PhbDevice): void {
    const at = this.#phbs.findIndex(({ index }) => index === phb.index);
    if (at >= 0) this.#phbs.splice(at, 1);
    this.#phbs.push(phb);
  }

  addPci(place: PciPlace): void {
    const at = this.#edus.findIndex((edu) => edu.place.id === place.id);
    if (at >= 0) this.#edus.splice(at, 1);
    this.#edus.push(new Edu(this.#machine, place));
  }

  /** Names of PHBs that left, of which something may be left. */
  leftOf(names: ReadonlySet<string>): readonly string[] {
    return this.#phbs
      .filter(({ index }) => index !== 0)
      .map(({ index }) => phbId(index))
      .filter((id) => !names.has(id));
  }

  /** Nothing of these PHBs is left. */
  drop(ids: readonly string[]): void {
    const kept = this.#phbs.filter(({ index }) => !ids.includes(phbId(index)));
    this.#phbs.splice(0, this.#phbs.length, ...kept);
  }

  /** Something came or went, or all was reset: registers have to be set up anew. */
  forget(): void {
    this.#movers.clear();
  }

  /** All devices are others of the same kind, in a QEMU of their own that has these. */
  renew({ phbs, pci }: Plugged): void {
    this.#phbs.splice(0, this.#phbs.length, ...phbs);
    this.#edus.splice(0, this.#edus.length, ...pci.map((place) => new Edu(this.#machine, place)));
    this.forget();
  }

  /** What is still there, of the names that QEMU has, in the order of making. */
  present(names: ReadonlySet<string>): Plugged {
    return {
      phbs: this.#phbs.filter(({ index }) => index === 0 || names.has(phbId(index))),
      pci: this.#edus.map(({ place }) => place).filter(({ id }) => names.has(id)),
    };
  }

  /** Who makes the transfers of a PHB; null where there is no device behind it. */
  async moverOf(guest: Guest, phb: number): Promise<Mover | null> {
    const known = this.#movers.get(phb);
    if (known !== undefined) return known;
    const mover = await this.#found(guest, phb);
    this.#movers.set(phb, mover);
    return mover;
  }

  /** The same, where it was asked for before; undefined where it was not. */
  knownMoverOf(phb: number): Mover | null | undefined {
    return this.#movers.get(phb);
  }

  async #found(guest: Guest, phb: number): Promise<Mover | null> {
    const device = this.#phbs.find(({ index }) => index === phb);
    if (device === undefined) return null;
    const { dma64WinAddr, dmaWinAddr } = completeProperties(this.#machine, device);
    const starts = [...new Set<bigint>([dma64WinAddr, dmaWinAddr])];
    for (const edu of this.#edus) {
      if (edu.place.phb === phb && (await edu.setUp(guest))) return { edu, starts, ownStart: dmaWinAddr };
    }
    return null;
  }
}
