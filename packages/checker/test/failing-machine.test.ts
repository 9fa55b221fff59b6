import { expect, test } from 'vitest';
import { type AnyStateMachine, emit, setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';

const guards = {
  fails: () => {
    throw new Error('this cannot be decided');
  },
};
const failing = setup({ guards }).createMachine({
  initial: 'here',
  states: { here: { on: { go: { guard: 'fails', target: 'there' } } }, there: {} },
});

test('a machine that fails is a finding, with the way to it, and no end of the search', () => {
  const machines = [{ name: 'failing', machine: failing, ownMoves: () => [{ type: 'go' }] }];
  const { verdict, violations } = breadthFirst({ name: 'm', machines, route: () => null, properties: [] });
  expect(verdict).toBe('violated');
  expect(violations.map(({ property, trace }) => [property, trace.steps.length])).toEqual([
    ['machine-failure', 1],
  ]);
  expect(violations[0]!.text).toContain('this cannot be decided');
});

test('nor is it one where orders of steps are left out, which asks who might be sent what', () => {
  const x = { guard: 'fails', target: 'a' } as const;
  const turning: AnyStateMachine = setup({ guards }).createMachine({
    initial: 'a',
    states: { a: { on: { go: 'b', x } }, b: { on: { go: 'a', x } } },
  });
  const sender: AnyStateMachine = setup({}).createMachine({
    initial: 'a',
    states: { a: { on: { go: { target: 'b', actions: emit({ type: 'x' }) } } }, b: {} },
  });
  const ownMoves = () => [{ type: 'go' }];
  const { violations } = breadthFirst(
    {
      name: 'm',
      machines: [
        { name: 'sender', machine: sender, ownMoves },
        { name: 'turning', machine: turning, ownMoves },
        { name: 'other', machine: turning, ownMoves },
      ],
      route: () => ({ to: 'turning', lane: '' }),
      properties: [],
    },
    { until: 'all', partialOrder: true },
  );
  expect(violations.map(({ property }) => property)).toEqual(['machine-failure']);
});
