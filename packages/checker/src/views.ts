import { machineNamed } from './layout.js';
import type { View } from './property.js';
import type { Remembered } from './remembered.js';

/** The parts of a state that somebody declared, by place of the row. */
export type Cells = ReadonlyMap<number, number>;

const undeclared = (what: string): never => {
  throw new RangeError(`${what} was read and not declared`);
};

/** A state of which only some parts are known. */
export function viewOf(remembered: Remembered, cells: Cells): View {
  const { model, layout } = remembered;
  return {
    snapshot: (name) => {
      const machine = machineNamed(model, name);
      const local = cells.get(2 * machine) ?? undeclared(`the state of ${name}`);
      return remembered.locals[machine]!.at(local);
    },
    inbox: (name) => {
      const machine = machineNamed(model, name);
      const inbox = cells.get(2 * machine + 1) ?? undeclared(`the inbox of ${name}`);
      return remembered.inFlight(machine, inbox);
    },
    environment: () =>
      remembered.environments.at(cells.get(layout.environment) ?? undeclared('the environment')),
  };
}

/** Parts of a state: places, and the numbers there, from a place of a key on. */
export const cellsOf = (places: readonly number[], key: readonly number[], from: number): Cells =>
  new Map(places.map((place, at) => [place, key[from + at]!]));
