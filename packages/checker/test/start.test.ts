import { expect, test } from 'vitest';
import { emit, setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';

const eager = setup({ types: {} as { emitted: { type: 'hello' } } }).createMachine({
  initial: 'here',
  states: { here: { entry: emit({ type: 'hello' }) } },
});

test('a machine that sends before its first message is refused, since nobody would hear of it', () => {
  const model = {
    name: 'm',
    machines: [{ name: 'eager', machine: eager }],
    route: () => null,
    properties: [],
  };
  expect(() => breadthFirst(model)).toThrow('eager runs xstate.emit at its start');
});

test('with a start of its own it is not asked for its first words', () => {
  const start = eager.resolveState({ value: 'here' });
  const machines = [{ name: 'eager', machine: eager, start }];
  expect(breadthFirst({ name: 'm', machines, route: () => null, properties: [] }).states).toBe(1);
});
