import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';

const failing = setup({
  guards: {
    fails: () => {
      throw new Error('this cannot be decided');
    },
  },
}).createMachine({
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
