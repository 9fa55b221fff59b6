import type { PhbProperties } from '@spapr-dma/protocol';
import { noEvidence, type WindowEvidence } from './default-window.js';

/** What the caller knows of a PHB that the log does not tell. */
export type GivenPhb = { readonly index: number } & Partial<Omit<PhbProperties, 'index'>>;

/** What a log has shown of one PHB. */
export interface PhbFacts {
  /** Where its default window lies. */
  window: WindowEvidence;
  /** A line has named the page sizes, the dynamic window's address. */
  pgszKnown: boolean;
  dma64Known: boolean;
}

/**
 * What holds for the log as a whole, whichever branch is right: which PHBs and VIO devices there are, and
 * what is traced at all.
 */
export class Facts {
  /** Lines of connectors are in the log, so a PHB does not vanish without one. */
  tracesDrc = false;
  /** Lines of VIO devices follow a machine reset. */
  tracesVio = false;
  /** VIO devices of which a line was seen. */
  readonly vioUnits = new Set<number>();
  readonly #phbs = new Map<number, PhbFacts>();
  readonly #given: ReadonlyMap<number, GivenPhb>;

  constructor(given: readonly GivenPhb[]) {
    this.#given = new Map(given.map((phb) => [phb.index, phb]));
  }

  /** The same facts, which what is learned here from now on does not reach. */
  fork(): Facts {
    const fork = new Facts([...this.#given.values()]);
    fork.tracesDrc = this.tracesDrc;
    fork.tracesVio = this.tracesVio;
    for (const unit of this.vioUnits) fork.vioUnits.add(unit);
    for (const [index, facts] of this.#phbs) fork.#phbs.set(index, { ...facts });
    return fork;
  }

  /** What the caller gave for a PHB. */
  givenOf(index: number): GivenPhb {
    return this.#given.get(index) ?? { index };
  }

  phbOf(index: number): PhbFacts {
    let facts = this.#phbs.get(index);
    if (facts === undefined) {
      const { dmaWinAddr, dmaWinSize, pgsz, dma64WinAddr } = this.givenOf(index);
      const isGiven = dmaWinAddr !== undefined && dmaWinSize !== undefined;
      const place = isGiven ? { start: dmaWinAddr, bytes: dmaWinSize } : null;
      facts = {
        window: { ...noEvidence(place), start: dmaWinAddr ?? null, size: dmaWinSize ?? null },
        pgszKnown: pgsz !== undefined,
        dma64Known: dma64WinAddr !== undefined,
      };
      this.#phbs.set(index, facts);
    }
    return facts;
  }

  /** PHBs of which a line was seen. */
  get phbs(): ReadonlyMap<number, PhbFacts> {
    return this.#phbs;
  }
}
