import { expect, test } from 'vitest';
import { type AnyStateMachine, emit, setup } from 'xstate';
import type { Model } from '../src/model.ts';
import type { CheckedProperty } from '../src/property.ts';
import { both, never, said } from './partial-order-both.ts';

const once: AnyStateMachine = setup({}).createMachine({
  initial: 'a',
  states: { a: { on: { go: 'b' } }, b: {} },
});

test('an order that one of two properties of one name can tell, and the other is kept from by its guards', () => {
  const relay: AnyStateMachine = setup({}).createMachine({
    initial: 'a',
    states: { a: { on: { x: { target: 'b', actions: emit({ type: 'y' }) } } }, b: {} },
  });
  const otherFirst = never(
    'same',
    ['relay', 'other'],
    (view) => view.snapshot('other').value === 'b' && view.snapshot('relay').value === 'a',
  );
  const isEmpty = (inbox: readonly unknown[]): boolean => inbox.length === 0;
  const guarded = (fact: (inbox: readonly unknown[]) => boolean): CheckedProperty => ({
    ...otherFirst,
    reads: { ...otherFirst.reads, inboxGuards: { relay: fact, end: fact } },
  });
  const model: Model = {
    name: 'one name',
    machines: [
      { name: 'other', machine: once, ownMoves: () => [{ type: 'go' }] },
      { name: 'relay', machine: relay },
      { name: 'end', machine: once },
    ],
    inFlight: [{ from: 'other', to: 'relay', lane: '', message: { type: 'x' } }],
    route: () => ({ to: 'end', lane: '' }),
    properties: [guarded(isEmpty), guarded(() => true)],
  };
  const [reduced, plain] = both(model);
  expect(said(plain).violated).toEqual(['same']);
  expect(said(reduced)).toEqual(said(plain));
});
