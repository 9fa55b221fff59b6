import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import type { LeadsTo } from '../src/property.ts';
import type { SearchResult } from '../src/result.ts';
import { mutualExclusion } from './classics/index.ts';
import {
  besideASpinner,
  deadEnd,
  dueAnswer,
  idleEnvironment,
  lockOf,
  shortCut,
  waverers,
} from './liveness-models.ts';
import { descriptions, modelOf } from './liveness-random.ts';
import { faultOf, isViolatedPlainly, spaceOf } from './liveness-reference.ts';

const leadsTos = ({ properties }: Model): readonly LeadsTo[] =>
  properties.flatMap((property) => (property.kind === 'leads-to' ? [property] : []));

/** What a model's leads-tos came to, as the reference has it, and the traces as the reference takes them. */
function expectReference(model: Model, { violations }: SearchResult): void {
  const space = spaceOf(model);
  for (const property of leadsTos(model)) {
    const found = violations.find((each) => each.property === property.name);
    expect(found !== undefined).toBe(isViolatedPlainly(model, space, property));
    if (found !== undefined) expect(faultOf(model, property, found.trace)).toBeNull();
  }
}

const typesOf = ({ violations }: SearchResult, at = 0): readonly string[] =>
  violations[at]!.trace.steps.map(({ message }) => message.type);

describe('what leads to what, if all are treated fairly', () => {
  test('holds where another one could go on for ever without it', () => {
    const result = breadthFirst(besideASpinner);
    expect(result).toMatchObject({ verdict: 'holds', violations: [], unreached: [], states: 4 });
    expectReference(besideASpinner, result);
  });

  test('is violated by a loop in which it is unable to go on now and then', () => {
    const result = breadthFirst(waverers, { until: 'all' });
    // The other one is always able to leave, so it has to.
    expect(result.violations).toMatchObject([
      {
        property: 'sometimes: a ~> out',
        text: 'what must follow the start never comes: the last 2 steps may go on for ever',
        trace: { loopAfter: 1 },
      },
    ]);
    expectReference(waverers, result);
  });

  test('is violated where nobody can move', () => {
    const result = breadthFirst(deadEnd);
    expect(result.verdict).toBe('violated');
    expect(result.violations).toMatchObject([
      {
        property: 'walker: asked ~> there',
        text: 'what must follow step 1 never comes: nobody can move',
        trace: { loopAfter: null },
      },
    ]);
    expect(typesOf(result)).toEqual(['set', 'left']);
    expectReference(deadEnd, result);
  });

  test('is violated where only the environment could go on', () => {
    const result = breadthFirst(idleEnvironment);
    expect(result.violations).toMatchObject([
      {
        text: 'what must follow step 1 never comes: no machine can move, and the environment need not',
        trace: { loopAfter: null },
      },
    ]);
    expect(typesOf(result)).toEqual(['ask']);
    expectReference(idleEnvironment, result);
  });

  test('holds where what the environment does is due', () => {
    const result = breadthFirst(dueAnswer);
    expect(result).toMatchObject({ verdict: 'holds', unreached: [] });
    expectReference(dueAnswer, result);
  });

  test('is shown by a path on which it was asked for', () => {
    const result = breadthFirst(shortCut);
    expect(typesOf(result)).toEqual(['on', 'on', 'on']);
    expect(result.violations[0]!.text).toContain('must follow step 2');
    expectReference(shortCut, result);
  });

  test('is not asked for in states of which its guards say nothing', () => {
    const [asked] = leadsTos(deadEnd) as [LeadsTo];
    const guarded = (value: string): LeadsTo => ({
      ...asked,
      reads: { ...asked.reads, guards: { walker: (snapshot) => snapshot.value === value } },
    });
    const judged = (value: string): SearchResult =>
      breadthFirst({ ...deadEnd, properties: [guarded(value)] });
    expect(judged('asked').violations).toHaveLength(1);
    expect(judged('home')).toMatchObject({ violations: [], unreached: [{ property: asked.name }] });
  });

  test('is not judged where not everything was seen', () => {
    const result = breadthFirst(deadEnd, { depthMax: 2 });
    expect(result).toMatchObject({ verdict: 'bounded', bound: 'depth', violations: [], unreached: [] });
  });

  test('is not called holding where the search was stopped', () => {
    // More states than are looked at between two questions whether to stop.
    const machine = setup({}).createMachine({
      context: { count: 0 },
      on: { tick: { actions: assign({ count: ({ context }) => (context.count + 1) % 1100 }) } },
    });
    const asked: LeadsTo = {
      kind: 'leads-to',
      name: 'ends',
      title: 'The counting ends',
      reads: { machines: ['counter'] },
      from: (view) => view.snapshot('counter').context.count === 0,
      to: () => false,
    };
    const model: Model = {
      name: 'long way',
      machines: [{ name: 'counter', machine, ownMoves: () => [{ type: 'tick' }] }],
      route: () => null,
      properties: [asked],
    };
    expect(breadthFirst(model).violations).toHaveLength(1);
    let isJudged = false;
    const to = (): boolean => {
      isJudged = true;
      return false;
    };
    const result = breadthFirst({ ...model, properties: [{ ...asked, to }] }, { isStopped: () => isJudged });
    expect(result).toMatchObject({ verdict: 'bounded', bound: 'stopped', violations: [], states: 1100 });
  });

  test('was never asked for', () => {
    const { unreached } = breadthFirst(deadEnd);
    expect(unreached).toEqual([
      {
        property: 'walker: nowhere ~> there',
        sometimes: 'that it is asked for: walker gets from nowhere to there',
      },
    ]);
  });

  test('counts one violation of a safety property first', () => {
    const model: Model = {
      ...idleEnvironment,
      properties: [
        {
          kind: 'invariant',
          name: 'calm',
          title: 'Nobody asks',
          reads: { machines: ['asker'] },
          sometimes: null,
          judge: (view) => ({
            violation: view.snapshot('asker').value === 'calm' ? null : 'somebody asks',
            reached: true,
          }),
        },
        ...idleEnvironment.properties,
      ],
    };
    expect(breadthFirst(model).violations.map(({ property }) => property)[0]).toBe('calm');
    expect(breadthFirst(model, { until: 'all' }).violations.map(({ property }) => property)).toEqual([
      'calm',
      'asker: asking ~> calm',
    ]);
  });
});

describe('two clients of one lock', () => {
  test('one starves where the lock takes whom it likes', () => {
    const model = lockOf('unfair');
    const result = breadthFirst(model);
    expect(result.violations.map(({ property }) => property)).toEqual([
      'first: waiting ~> inside',
      'second: waiting ~> inside',
    ]);
    const { steps, loopAfter } = result.violations[0]!.trace;
    // The second one comes in again and again, while the first one's request lies there.
    expect(steps[0]).toMatchObject({ to: 'first', message: { type: 'ask' } });
    const loop = steps.slice(loopAfter!);
    expect(loop).toHaveLength(5);
    expect(loop.map(({ to }) => to)).not.toContain('first');
    expect(loop).toContainEqual(
      expect.objectContaining({ to: 'second', message: { type: 'granted', to: 'second' } }),
    );
    expectReference(model, result);
  });

  test('both come in where it serves them in their order', () => {
    const model = lockOf('ticket');
    const result = breadthFirst(model);
    expect(result).toMatchObject({ verdict: 'holds', violations: [], unreached: [] });
    expectReference(model, result);
  });
});

test('two processes come in by the lock of Peterson, and not always by a bit that is tested and set', () => {
  expect(breadthFirst(mutualExclusion('peterson'))).toMatchObject({ verdict: 'holds', unreached: [] });
  const model = mutualExclusion('test-and-set');
  const result = breadthFirst(model);
  expect(result.violations.map(({ property }) => property)).toEqual(['enters-process0', 'enters-process1']);
  expectReference(model, result);
});

test('agrees with a fixpoint over a plain map of the states, for any small model', () => {
  const seen = { violated: 0, loops: 0, holding: 0 };
  fc.assert(
    fc.property(descriptions, (description) => {
      const model = modelOf(description);
      const result = breadthFirst(model, { until: 'all' });
      expectReference(model, result);
      seen.violated += result.violations.length;
      seen.loops += result.violations.filter(({ trace }) => trace.loopAfter !== null).length;
      seen.holding += leadsTos(model).length - result.violations.length - result.unreached.length;
    }),
    { numRuns: 200, seed: 20 },
  );
  // The models are about something.
  expect(Math.min(seen.loops, seen.violated - seen.loops, seen.holding)).toBeGreaterThan(20);
});
