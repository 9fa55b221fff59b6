import { breadthFirst } from '@spapr-dma/checker';
import { type SystemState, step } from '@spapr-dma/system';
import { describe, expect, test } from 'vitest';
import { type BuiltModel, choicesOfTrace, ModelsError } from '../src/index.ts';
import { HOST, modelFrom } from './full-machine.ts';

type Fields = Readonly<Record<string, unknown>>;

const LIOBN = '0x80000000';
const DESTINATION = 'qemu-destination';
const there = (verb: string, more: Fields = {}): Fields => ({ do: verb, of: DESTINATION, ...more });
const put = { do: 'H_PUT_TCE', liobn: LIOBN, ioba: '0x0', tce: '0x50003' };
const get = { do: 'H_GET_TCE', liobn: LIOBN, ioba: '0x0' };
const incoming = there('migrate-incoming', { when: { seen: 'monitor-return', times: 1 } });
const handover = { do: 'handover', to: DESTINATION };

/** A machine moves by these steps of its monitor, while its guest maps and reads back. */
const moving = (monitor: readonly Fields[], machine: Fields = {}): BuiltModel =>
  modelFrom(
    {
      machine: {
        guest: false,
        phbs: [{ index: 0, dmaWinSize: '0x4000' }],
        destination: true,
        ...machine,
      },
      setup: [{ do: 'system_reset' }, there('system_reset'), there('stop')],
      processes: [
        { name: 'monitor', steps: monitor },
        { name: 'vcpu0', steps: [put, get] },
      ],
    },
    { properties: ['S-5'] },
  );

describe('a handover in a process', () => {
  test('lets calls go on where the guest is by then, which reads there what it wrote before', () => {
    const { verdict } = breadthFirst(moving([{ do: 'migrate' }, incoming, handover, there('cont')]).model);
    expect(verdict).toBe('holds');
  });

  test('makes properties look at the QEMU that the guest runs on: without its stream an entry is lost', () => {
    const built = moving([{ do: 'migrate' }, handover, there('cont')]);
    const [violation] = breadthFirst(built.model).violations;
    expect(violation?.text).toContain('H_GET_TCE of 0x0 in LIOBN 0x80000000 returns 0x0');
    const end = choicesOfTrace(violation!.trace).reduce(
      (state: SystemState, choice) => step(built.participants, state, choice).state,
      built.start,
    );
    expect(end.routes['qemu-spapr']).toBe(DESTINATION);
  });

  test.each`
    case                 | monitor                               | machine                      | says
    ${'nothing after'}   | ${[{ do: 'migrate' }, handover]}      | ${{}}                        | ${'handover is taken with the step after it'}
    ${'a KVM beside it'} | ${[handover, there('cont')]}          | ${{ kvm: true, host: HOST }} | ${'a process hands over QEMU alone'}
    ${'no such QEMU'}    | ${[{ do: 'handover', to: 'x' }, put]} | ${{}}                        | ${'there is no x'}
  `('is refused with $case', ({ monitor, machine, says }) => {
    const build = () => moving(monitor, machine);
    expect(build).toThrow(ModelsError);
    expect(build).toThrow(says);
  });
});
