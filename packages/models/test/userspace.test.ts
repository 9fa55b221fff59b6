import { breadthFirst, type SearchResult, type TraceStep } from '@spapr-dma/checker';
import { expect, test } from 'vitest';
import { ModelsError, modelOf, readModels } from '../src/index.ts';

type Json = Readonly<Record<string, unknown>>;

const CONTAINER: readonly Json[] = [
  { do: 'open', path: '/dev/vfio/vfio' },
  { do: 'open', path: '/dev/vfio/0' },
  { do: 'VFIO_GROUP_SET_CONTAINER', groupFd: 4, containerFd: 3 },
  { do: 'VFIO_SET_IOMMU', containerFd: 3, iommuType: 7 },
];
const MEMORY = { containerFd: 3, vaddr: '0x7f0000000000', size: '0x2000' };
const REGISTER = { do: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY', ...MEMORY };
const UNREGISTER = { do: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', ...MEMORY };
const CREATE = {
  do: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
  containerFd: 3,
  pageShift: 12,
  windowSize: '0x4000',
  levels: 1,
};
const VIEW = {
  do: 'KVM_CREATE_SPAPR_TCE_64',
  liobn: 1,
  pageShift: 12,
  flags: 0,
  offset: '0x0',
  size: '0x4',
};
const PUT = { do: 'H_PUT_TCE', liobn: '0x1', ioba: '0x0', tce: '0x3' };
const KILL = {
  name: 'rcu',
  steps: [
    { do: 'exit', to: 'kvm' },
    { do: 'exit', to: 'vfio-host' },
  ],
};

const fileOf = (scenario: Json, properties: readonly string[]): string =>
  JSON.stringify({
    format: 'spapr-dma-models/1',
    scenarios: { one: { title: 'one', vmm: {}, ...scenario } },
    models: [{ name: 'one', scenario: 'one', preset: 'repaired', properties, verdict: 'holds' }],
  });

const entryOf = (scenario: Json, properties: readonly string[] = ['S-11']) =>
  readModels(fileOf(scenario, properties), 'models.json').models[0]!;

const search = (scenario: Json, properties?: readonly string[]): SearchResult =>
  breadthFirst(modelOf(entryOf(scenario, properties)).model, { until: 'all' });

/** What the environment did on the way to something that a made-up property forbids. */
function pathTo(scenario: Json, isForbidden: (step: TraceStep) => boolean): readonly string[] | null {
  const { model } = modelOf(entryOf(scenario));
  const { violations } = breadthFirst({
    ...model,
    properties: [
      {
        kind: 'observer',
        name: 'path',
        title: 'It never happens.',
        sometimes: null,
        reads: { machines: [] },
        initial: null,
        remembers: false,
        observe: (memory: null, { from, machine, message, sent }) => {
          const step = { n: 0, from, to: machine, lane: null, message, offer: null, sent };
          return { memory, violation: isForbidden(step) ? 'It happens.' : null, reached: true };
        },
      },
    ],
  });
  const steps = violations[0]?.trace.steps.filter(({ offer }) => offer !== null);
  return (
    steps?.map(({ offer }) => {
      const { process, do: verb } = offer as { readonly process: string; readonly do: string };
      return `${process} ${verb}`;
    }) ?? null
  );
}

const answers = ({ sent }: TraceStep, type: string, more: Json = {}): boolean =>
  sent.some(({ message }) => {
    const fields = message as unknown as Json;
    return message.type === type && Object.entries(more).every(([name, value]) => fields[name] === value);
  });

test('a thread makes its next call when its last one has returned, and others go on meanwhile', () => {
  const scenario = {
    setup: [...CONTAINER, REGISTER],
    processes: [
      { name: 'main', steps: [CREATE, UNREGISTER] },
      { name: 'vcpu0', steps: [UNREGISTER] },
    ],
  };
  const { model } = modelOf(entryOf(scenario));
  const { initial, sources } = model.environment!;
  const offersIn = (state: unknown) => sources.flatMap(({ offers }) => offers(state, undefined as never));
  const first = offersIn(initial);
  expect(first.map(({ label }) => label)).toEqual([
    { process: 'main', step: 1, do: 'VFIO_IOMMU_SPAPR_TCE_CREATE' },
    { process: 'vcpu0', step: 1, do: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY' },
  ]);
  const away = first[0]!.next;
  expect(offersIn(away).map(({ label }) => (label as Json).process)).toEqual(['vcpu0']);
  const back = model.environment!.hears!(away, { type: 'vfio-return', thread: 'main' } as never, 'vfio-host');
  expect(offersIn(back).map(({ label }) => (label as Json).do)).toEqual([
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
  ]);
});

test('every interleaving of two threads is searched: either finds the memory registered, or gone', () => {
  const scenario = {
    setup: CONTAINER,
    processes: [
      { name: 'main', steps: [REGISTER] },
      { name: 'vcpu0', steps: [UNREGISTER] },
    ],
  };
  const returns = (errno: string | undefined) => (step: TraceStep) =>
    step.sent.some(({ message }) => {
      const { type, call, result } = message as unknown as Json & { readonly result: { errno?: string } };
      return type === 'vfio-return' && call === UNREGISTER.do && result.errno === errno;
    });
  expect(pathTo(scenario, returns('EPERM'))).toEqual(['vcpu0 VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY']);
  expect(pathTo(scenario, returns(undefined))).toEqual([
    'main VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
    'vcpu0 VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
  ]);
});

test('a VMM is killed at any moment, but ends only when its threads have left the kernel', () => {
  const scenario = {
    setup: CONTAINER,
    processes: [{ name: 'main', steps: [REGISTER, CREATE] }, KILL],
  };
  const { verdict, unreached } = search(scenario, ['L-5', 'S-11', 'S-14']);
  expect({ verdict, unreached }).toEqual({ verdict: 'holds', unreached: [] });
  expect(pathTo(scenario, (step) => answers(step, 'host-done', { call: 'exit' }))).toEqual([
    'rcu exit',
    'rcu exit',
  ]);
  const { environment } = modelOf(entryOf(scenario)).model;
  const offersIn = (state: unknown) =>
    environment!.sources.flatMap(({ offers }) => offers(state, undefined as never));
  const [registers, kills] = offersIn(environment!.initial);
  expect(offersIn(registers!.next)).toEqual([]);
  expect(offersIn(kills!.next)).toEqual([]);
});

test('who is killed calls no more; the administrator goes on', () => {
  const scenario = {
    setup: CONTAINER,
    processes: [
      { name: 'main', steps: [REGISTER] },
      KILL,
      { name: 'admin', steps: [{ do: 'unbind-vfio-pci', device: '0001:01:00.0' }] },
    ],
  };
  const { environment } = modelOf(entryOf(scenario)).model;
  const offersIn = (state: unknown) =>
    environment!.sources.flatMap(({ offers }) => offers(state, undefined as never));
  const after = offersIn(environment!.initial).find(({ label }) => (label as Json).process === 'rcu')!.next;
  expect(offersIn(after).map(({ label }) => label)).toEqual([
    { process: 'admin', step: 1, do: 'unbind-vfio-pci' },
  ]);
});

test('a hypercall that KVM leaves to the VMM is refused, since it knows no LIOBN', () => {
  const scenario = { setup: CONTAINER, processes: [{ name: 'vcpu0', steps: [PUT, PUT] }] };
  const path = pathTo(scenario, (step) => answers(step, 'hcall-return', { status: 'H_PARAMETER' }));
  expect(path).toEqual(['vcpu0 H_PUT_TCE', 'vcpu0 hcall-return']);
  // Two calls: each is made, left to the VMM, and refused.
  expect(search(scenario).depth).toBe(4);
});

test('steps in any order are each taken once, and those that repeat go on for ever', () => {
  const views = [VIEW, { ...VIEW, liobn: 2 }];
  const inOrder = { setup: CONTAINER, processes: [{ name: 'main', steps: views }] };
  const inAnyOrder = { setup: CONTAINER, processes: [{ name: 'main', steps: views, order: 'any' }] };
  const second = ({ message }: TraceStep) =>
    message.type === VIEW.do && (message as unknown as Json).liobn === 2;
  expect(pathTo(inOrder, second)).toEqual([`main ${VIEW.do}`, `main ${VIEW.do}`]);
  expect(pathTo(inAnyOrder, second)).toEqual([`main ${VIEW.do}`]);
  const once = search({ setup: CONTAINER, processes: [{ name: 'vcpu0', steps: [PUT] }] });
  const forEver = search({ setup: CONTAINER, processes: [{ name: 'vcpu0', steps: [PUT], repeats: true }] });
  expect({ depth: once.depth, bound: once.bound }).toEqual({ depth: 2, bound: null });
  expect({ depth: forEver.depth, bound: forEver.bound }).toEqual({ depth: 1, bound: null });
});

test.each`
  mistake                     | scenario                                                                                      | says
  ${'a call that fails'}      | ${{ setup: [UNREGISTER], processes: [KILL] }}                                                 | ${"Model 'one', scenario 'one': the setup goes wrong: call 1, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, fails with EBADF"}
  ${'two of one thread'}      | ${{ processes: [KILL, { ...KILL, name: 'kill' }, { ...KILL, name: 'rcu2', thread: 'rcu' }] }} | ${"models.json: scenarios.one.processes: two have the thread 'rcu'"}
  ${'nobody'}                 | ${{ processes: [] }}                                                                          | ${'models.json: scenarios.one.processes: must have at least one'}
  ${'a thread of another'}    | ${{ processes: [{ name: 'main', steps: [{ ...PUT, thread: 'vcpu0' }] }] }}                    | ${'models.json: scenarios.one.processes[0].steps[0].thread: is that of the process'}
  ${'no number'}              | ${{ processes: [{ name: 'vcpu0', steps: [{ ...PUT, ioba: '0xg' }] }] }}                       | ${'models.json: scenarios.one.processes[0].steps[0].ioba: must be a string such as "0x1000": up to 16 hex digits in lower case'}
  ${'a host of another kind'} | ${{ vmm: { pageShift: 13 }, processes: [KILL] }}                                              | ${'models.json: scenarios.one.vmm.pageShift: must be one of 12, 16'}
`('$mistake is told in one sentence', ({ scenario, says }) => {
  expect(() => modelOf(entryOf(scenario))).toThrow(new ModelsError(says));
});
