import type { Remembered } from './remembered.js';
import { OFFER } from './tables.js';
import { cellsOf, viewOf } from './views.js';

/** The environment after it has heard a message. */
export function answerHear(remembered: Remembered, key: readonly number[]): number {
  const [environment, number] = key as [number, number];
  const { hears } = remembered.model.environment ?? {};
  const { from, message } = remembered.messages.at(number);
  const next =
    hears === undefined
      ? environment
      : remembered.environmentNumber(
          hears(remembered.environments.at(environment), message, remembered.nameOf(from)),
        );
  remembered.tables.hears.add(key, next);
  return next;
}

/** What a source offers: a list of [machine, message, environment after, bits of `OFFER`, label]. */
export function answerOffers(remembered: Remembered, [source, ...key]: readonly number[]): number {
  const { tables, layout, model } = remembered;
  const [environment] = key as [number];
  const view = viewOf(remembered, cellsOf(layout.offers[source!]!.cells, key, 1));
  const offers = model.environment!.sources[source!]!.offers(remembered.environments.at(environment), view);
  const list = tables.offerLists.add(
    offers.flatMap(({ to, message, next, whenIdle = false, isDue = false, label }) => {
      const machine = remembered.placeOf(to);
      const number = remembered.messageNumber({ from: layout.machines, to: machine, lane: '', message });
      if (!whenIdle) remembered.offered.add(number);
      remembered.labels.push(label);
      const after = remembered.environmentNumber(next);
      const bits = (whenIdle ? OFFER.whenIdle : 0) | (isDue ? OFFER.isDue : 0);
      return [machine, number, after, bits, remembered.labels.length - 1];
    }),
  );
  tables.offers[source!]!.add(key, list);
  return list;
}
