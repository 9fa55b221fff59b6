import type { Remembered } from './remembered.js';
import type { SearchResult, TraceStep, Violation } from './result.js';
import { FAILURE } from './successors.js';
import { type Searched, TraceBack } from './trace-back.js';

/** What the violation of no property but of a machine is called. */
export const MACHINE_FAILURE = 'machine-failure';

/** Where a property was first violated: after a step of a row, or in the row itself. */
export interface Found {
  /** The property's place in the model; −1 for a machine that failed. */
  readonly property: number;
  readonly verdict: number;
  readonly row: number;
  /** The step among those of its row; null for the row itself. */
  readonly ordinal: number | null;
  /** Steps from the start; 0 where a search does not count them. */
  readonly length: number;
}

/** The nearest violation of each property, in the order in which they were met. */
export class Findings {
  readonly #found = new Map<number, Found>();

  get count(): number {
    return this.#found.size;
  }

  /** All that was noted. */
  get all(): readonly Found[] {
    return [...this.#found.values()];
  }

  /** Notes a violation; of one property the first one of the nearest is kept. */
  note(property: number, verdict: number, row: number, ordinal: number | null, length = 0): void {
    const known = this.#found.get(property);
    if (known !== undefined && known.length <= length) return;
    this.#found.set(property, { property, verdict, row, ordinal, length });
  }

  has(property: number): boolean {
    return this.#found.has(property);
  }

  /** The violations with the paths to them. */
  violations(searched: Searched): readonly Violation[] {
    const back = new TraceBack(searched);
    return [...this.#found.values()].map(({ property, row, ordinal }) => {
      const { steps, verdict } = back.violation(property, row, ordinal);
      return violationOf(searched.remembered, property, verdict, steps);
    });
  }
}

/** A violation at the end of a path. The property's place is −1 for a machine that failed. */
export const violationOf = (
  { model, verdicts, failures }: Remembered,
  property: number,
  verdict: number,
  steps: readonly TraceStep[],
): Violation => ({
  property: property === FAILURE ? MACHINE_FAILURE : model.properties[property]!.name,
  text: property === FAILURE ? failures.get(verdict)! : verdicts.at(verdict).violation!,
  trace: { steps, loopAfter: null },
});

/** Properties that were never about anything that happened. */
export function unreachedOf({ model }: Remembered, reached: ArrayLike<number>): SearchResult['unreached'] {
  return model.properties.flatMap((property, at) => {
    if (reached[at] === 1) return [];
    if (property.kind === 'sometimes') return [{ property: property.name, sometimes: property.title }];
    if (property.kind === 'leads-to') {
      return [{ property: property.name, sometimes: `that it is asked for: ${property.title}` }];
    }
    if (property.kind !== 'invariant' && property.kind !== 'observer') return [];
    return property.sometimes === null ? [] : [{ property: property.name, sometimes: property.sometimes }];
  });
}

/** Local states by machine. */
export const localStatesOf = ({ model, locals }: Remembered): SearchResult['localStates'] =>
  Object.fromEntries(model.machines.map(({ name }, at) => [name, locals[at]!.size]));
