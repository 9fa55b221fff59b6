import type { Remembered } from './remembered.js';
import type { SearchResult, Violation } from './result.js';
import type { StateStore } from './state-store.js';
import { FAILURE, type Successors } from './successors.js';
import { stepsTo } from './trace-back.js';

/** What the violation of no property but of a machine is called. */
export const MACHINE_FAILURE = 'machine-failure';

/** Where a property was first violated: after a step of a row, or in the row itself. */
interface Found {
  readonly property: number;
  readonly verdict: number;
  readonly row: number;
  readonly ordinal: number | null;
}

/** The first violation of each property, in the order in which they were met. */
export class Findings {
  readonly #found = new Map<number, Found>();

  get count(): number {
    return this.#found.size;
  }

  /** Notes a violation; a later one of the same property is not kept. */
  note(property: number, verdict: number, row: number, ordinal: number | null): void {
    if (!this.#found.has(property)) this.#found.set(property, { property, verdict, row, ordinal });
  }

  has(property: number): boolean {
    return this.#found.has(property);
  }

  /** The violations with the paths to them. */
  violations(remembered: Remembered, store: StateStore, successors: Successors): readonly Violation[] {
    const { model, verdicts, failures } = remembered;
    return [...this.#found.values()].map(({ property, verdict, row, ordinal }) => ({
      property: property === FAILURE ? MACHINE_FAILURE : model.properties[property]!.name,
      text: property === FAILURE ? failures.get(verdict)! : verdicts.at(verdict).violation!,
      trace: { steps: stepsTo(remembered, store, successors, row, ordinal), loopAfter: null },
    }));
  }
}

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
