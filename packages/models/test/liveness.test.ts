import { breadthFirst, type CheckedProperty } from '@spapr-dma/checker';
import { describe, expect, test } from 'vitest';
import { livenessProperty, ModelsError } from '../src/index.ts';
import { HOST, modelFrom } from './full-machine.ts';

type Fields = Readonly<Record<string, unknown>>;

const NVME = { id: 'nvme', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 };
const put = { do: 'H_PUT_TCE', liobn: '0x80000000', ioba: '0x0', tce: '0x50003' };
const ISOLATE = { do: 'set-indicator', device: 'nvme', isolation: 'ISOLATED' };

const machine = {
  guest: false,
  kvm: true,
  host: HOST,
  phbs: [{ index: 0, dmaWinSize: '0x4000' }],
  devices: [NVME],
};
const scenario = (...processes: readonly Fields[]): Fields => ({
  machine,
  setup: [{ do: 'system_reset' }],
  processes,
});

const QUITS = scenario({ name: 'monitor', steps: [{ do: 'quit' }] });
const FOR_EVER = scenario({ name: 'vcpu0', steps: [put, { ...put, tce: '0x0' }], repeats: true });
const UNPLUGS = scenario({
  name: 'all',
  steps: [{ do: 'device_del-pci', id: 'nvme' }, ISOLATE],
});

const search = (
  of: Fields,
  eventually: readonly string[],
  change?: (each: CheckedProperty) => CheckedProperty,
) => {
  const { model } = modelFrom(of, { properties: ['S-17'], eventually, preset: 'repaired' });
  const properties = model.properties.map((each) => change?.(each) ?? each);
  const { verdict, violations, unreached } = breadthFirst({ ...model, properties }, { until: 'all' });
  return { verdict, violated: violations.map(({ property }) => property), unreached };
};

describe('in the end', () => {
  test.each`
    what                                        | of          | name
    ${'a call returns, for ever'}               | ${FOR_EVER} | ${'L-1'}
    ${'the last device leaves nothing'}         | ${UNPLUGS}  | ${'L-4'}
    ${'QEMU’s end gives everything back'}       | ${QUITS}    | ${'L-5'}
    ${'what waits for a grace period is freed'} | ${QUITS}    | ${'L-7'}
  `('$name: $what', ({ of, name }) => {
    expect(search(of, [name])).toEqual({ verdict: 'holds', violated: [], unreached: [] });
  });

  test.each([
    ['L-1', FOR_EVER],
    ['L-4', UNPLUGS],
    ['L-5', QUITS],
    ['L-7', QUITS],
  ] as const)('%s is violated where what is asked for does not come', (name, of) => {
    const never = (each: CheckedProperty): CheckedProperty =>
      each.kind === 'leads-to' ? { ...each, to: () => false } : each;
    expect(search(of, [name], never)).toMatchObject({ verdict: 'violated', violated: [name] });
  });
});

test('calls are one property for each vCPU, and what says nothing of the end is refused', () => {
  const { participants } = modelFrom(QUITS);
  expect(livenessProperty('L-1', participants, 3)).toHaveLength(3);
  expect(() => livenessProperty('S-1', participants, 1)).toThrow(
    new ModelsError("'S-1' is no property of what comes in the end; there are: L-1, L-4, L-5, L-7."),
  );
});
