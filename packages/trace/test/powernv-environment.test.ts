import { describe, expect, test } from 'vitest';
import { hostOf, inputsOf, scenarioOf } from '../src/powernv/environment.ts';
import { loadEnvironment, parseEnvironment } from '../src/powernv/environment-file.ts';

const file = (more: object = {}): string =>
  JSON.stringify({ version: 1, firstFd: 6, absent: [], hosts: [], scenarios: {}, ...more });
const withStep = (step: object): string => file({ scenarios: { s: { steps: [step] } } });
const key = { n: 5, op: 'MAP_DMA', given: 'iova=0', host: 'usual', occurrence: 1 };

describe('what no field says', () => {
  const environment = loadEnvironment();

  test('stands in the repository', () => {
    const registered = { ...key, n: 6, op: 'SPAPR_REGISTER_MEMORY', host: 'four-phbs' };
    expect(inputsOf(scenarioOf(environment, 'fork'), registered).process).toBe('child1');
    expect(hostOf(environment, 'mate').name).toBe('mate');
    expect(hostOf(environment, 'anything').name).toBe('four-phbs');
  });

  test('is nothing for a step that is not in it', () => {
    expect(inputsOf(scenarioOf(environment, 'no such scenario'), key)).toEqual({
      before: [],
      process: null,
      args: null,
      containerFd: null,
      blockFill: 0,
      tces: [],
      read: null,
      clears: true,
    });
  });

  test.each`
    condition            | entry                        | holds
    ${'the step'}        | ${{ n: 5 }}                  | ${true}
    ${'another step'}    | ${{ n: 6 }}                  | ${false}
    ${'in a range'}      | ${{ n: [2, 5] }}             | ${true}
    ${'after it'}        | ${{ n: [2, 4] }}             | ${false}
    ${'operation'}       | ${{ n: 5, op: 'MAP_DMA' }}   | ${true}
    ${'another'}         | ${{ n: 5, op: 'UNMAP_DMA' }} | ${false}
    ${'arguments'}       | ${{ n: 5, given: 'iova=0' }} | ${true}
    ${'other arguments'} | ${{ n: 5, given: 'iova=1' }} | ${false}
    ${'host'}            | ${{ n: 5, host: 'usual' }}   | ${true}
    ${'other host'}      | ${{ n: 5, host: 'mate' }}    | ${false}
    ${'first start'}     | ${{ n: 5, occurrence: 1 }}   | ${true}
    ${'second start'}    | ${{ n: 5, occurrence: 2 }}   | ${false}
  `('holds where its conditions do: $condition', ({ entry, holds }) => {
    const scenario = scenarioOf(parseEnvironment(withStep({ ...entry, containerFd: 9 })), 's');
    expect(inputsOf(scenario, key).containerFd).toBe(holds ? 9 : null);
  });

  test('of two entries the later holds, input by input', () => {
    const text = file({
      scenarios: {
        s: {
          steps: [
            { n: 5, containerFd: 9, args: 'ext=7' },
            { n: [0, 9], containerFd: 8 },
          ],
        },
      },
    });
    expect(inputsOf(scenarioOf(parseEnvironment(text), 's'), key)).toMatchObject({
      containerFd: 8,
      args: 'ext=7',
    });
  });

  test.each`
    what                  | text                                                                           | says
    ${'no JSON'}          | ${'{'}                                                                         | ${'the file is not JSON'}
    ${'a list'}           | ${'[]'}                                                                        | ${'the file is no object'}
    ${'another version'}  | ${file({ version: 2 })}                                                        | ${'version is not 1'}
    ${'an unknown field'} | ${file({ host: [] })}                                                          | ${'a field that is not known: "host"'}
    ${'no descriptor'}    | ${file({ firstFd: -1 })}                                                       | ${'firstFd is no count'}
    ${'an address'}       | ${file({ absent: ['x'] })}                                                     | ${'absent is no hex number'}
    ${'a driver'}         | ${file({ hosts: [{ name: 'a', devices: [{ device: 'd', driver: 'x' }] }] })}   | ${'hosts[0].devices[0].driver is not known'}
    ${'an action'}        | ${withStep({ n: 1, before: [{ do: 'reboot' }] })}                              | ${'scenarios.s.steps[0].before[0] does something that is not known: "reboot"'}
    ${'a field of it'}    | ${withStep({ n: 1, before: [{ do: 'fork', child: 'a', x: 1 }] })}              | ${'a field that is not known: "x"'}
    ${'pages'}            | ${withStep({ n: 1, before: [{ do: 'unmap', pages: [1] }] })}                   | ${'is no first page and count'}
    ${'rights'}           | ${withStep({ n: 1, before: [{ do: 'protect', pages: [0, 1], access: 'x' }] })} | ${'access is not known'}
    ${'a flag'}           | ${withStep({ n: 1, clears: 'no' })}                                            | ${'clears is neither true nor false'}
    ${'a place'}          | ${withStep({ n: 1, read: 'here' })}                                            | ${'has no address where one is due: "here"'}
    ${'a byte'}           | ${withStep({ n: 1, blockFill: '0x100' })}                                      | ${'blockFill is no byte'}
    ${'a step’s number'}  | ${withStep({ n: 'one' })}                                                      | ${'n is no count'}
  `('a file that is wrong is refused with the place: $what', ({ text, says }) => {
    expect(() => parseEnvironment(text)).toThrow(says);
  });

  test('every action can be read', () => {
    const before = [
      { do: 'set-memlock', limit: null, capIpcLock: true },
      { do: 'protect', pages: [1, 2], access: 'read' },
      { do: 'unmap', pages: [1, 2] },
      { do: 'fork', child: 'a' },
      { do: 'exit', process: 'a' },
      { do: 'unbind-vfio-pci', device: 'd' },
      { do: 'bind-driver', device: 'd', dmaMask: '0xffffffff' },
      { do: 'unbind-driver', device: 'd' },
    ];
    const scenario = scenarioOf(parseEnvironment(withStep({ n: 5, before })), 's');
    expect(inputsOf(scenario, key).before).toEqual([
      { do: 'set-memlock', limit: null, capIpcLock: true },
      { do: 'protect', first: 1, count: 2, access: 'read' },
      { do: 'unmap', first: 1, count: 2 },
      { do: 'fork', child: 'a' },
      { do: 'exit', process: 'a' },
      { do: 'unbind-vfio-pci', device: 'd' },
      { do: 'bind-driver', device: 'd', dmaMask: 0xffff_ffffn },
      { do: 'unbind-driver', device: 'd' },
    ]);
  });
});
