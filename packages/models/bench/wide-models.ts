import { readFileSync } from 'node:fs';
import type { Model } from '@spapr-dma/checker';
import { modelOf, readModels } from '../src/index.ts';

const file = new URL('../../../models.json', import.meta.url);

interface Process {
  readonly name: string;
  readonly order?: 'any';
  readonly steps: readonly object[];
}
interface Scenario {
  readonly machine: object;
  readonly processes: readonly Process[];
}

const liobn = '0x80000000';
const hcall = (name: string) => (vcpu: number, page: number, more: object) => ({
  do: name,
  vcpu,
  liobn,
  ioba: `0x${(page * 0x1000).toString(16)}`,
  ...more,
});
const put = (vcpu: number, page: number, tce: string) => hcall('H_PUT_TCE')(vcpu, page, { tce });
const get = (vcpu: number, page: number) => hcall('H_GET_TCE')(vcpu, page, {});
const inAnyOrder = (vcpu: number, steps: readonly object[]): Process => ({
  name: `vcpu${vcpu}`,
  order: 'any',
  steps,
});

/** A vCPU that maps, unmaps and reads two pages: so many of these calls, each once. */
const busy = (vcpu: number, calls: number): Process =>
  inAnyOrder(
    vcpu,
    [
      put(vcpu, 0, '0x50003'),
      put(vcpu, 1, '0x0'),
      get(vcpu, 0),
      put(vcpu, 0, '0x0'),
      put(vcpu, 1, '0x60003'),
      get(vcpu, 1),
      put(vcpu, 0, '0x60001'),
    ].slice(0, calls),
  );

type Scenarios = Readonly<Record<string, Scenario>>;

/** Scenarios of models.json with guests that do more at once, so that there are many states. */
const WIDE = {
  'two vCPUs, 4 and 4 calls': (of: Scenarios) => ({
    ...of['two-vcpus-map']!,
    processes: [busy(0, 4), busy(1, 4)],
  }),
  'a device comes, 6 calls': (of: Scenarios) => ({
    ...of['plug-against-map']!,
    processes: [...of['plug-against-map']!.processes.filter(({ name }) => name === 'monitor'), busy(0, 6)],
  }),
  'QEMU goes, 7 calls': (of: Scenarios) => ({
    ...of['quit-at-any-step']!,
    processes: [...of['quit-at-any-step']!.processes.filter(({ name }) => name === 'monitor'), busy(0, 7)],
  }),
};

/** A model that takes a while. */
export function wideModel(name: keyof typeof WIDE): Model {
  const { format, scenarios } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly format: string;
    readonly scenarios: Scenarios;
  };
  const entry = {
    name,
    scenario: name,
    preset: 'newest',
    properties: ['S-1', 'S-4'],
    verdict: 'holds',
    states: 0,
    transitions: 0,
    depth: 0,
  };
  const text = JSON.stringify({ format, scenarios: { [name]: WIDE[name](scenarios) }, models: [entry] });
  return modelOf(readModels(text, 'wide models').models[0]!).model;
}
