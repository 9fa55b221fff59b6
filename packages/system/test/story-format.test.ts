import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { readStory } from '../src/story/read-story.ts';
import { runStory } from '../src/story/run-story.ts';
import { listStories, loadStory, storiesFolder } from '../src/story/story-files.ts';
import { fileAt } from './generated.ts';
import { storyOf } from './systems.ts';

const script = (step: unknown) => ({ script: [{ do: 'system_reset' }, step] });

describe('a story that is not well-formed is refused with file, place and reason', () => {
  test.each`
    case                         | fields                                                                    | why
    ${'no id'}                   | ${{ id: undefined }}                                                      | ${'id: is missing'}
    ${'an unknown field'}        | ${{ colour: 'red' }}                                                      | ${'colour: is not known here; known are $schema, id'}
    ${'an unknown preset'}       | ${{ presets: ['newest', '2016'] }}                                        | ${"presets[1]: There is no preset '2016'"}
    ${'no preset'}               | ${{ presets: [] }}                                                        | ${'presets: must name at least one'}
    ${'no script'}               | ${{ script: [] }}                                                         | ${'script: must have at least one step'}
    ${'an unknown setting'}      | ${{ set: { defWin: 'fixed' } }}                                           | ${"set: There is no setting 'defWin'"}
    ${'an unknown verb'}         | ${script({ do: 'dance' })}                                                | ${"script[1].do: 'dance' is unknown; known are power-on"}
    ${'a step without a verb'}   | ${script({ device: 'nic' })}                                              | ${'script[1].do: is missing'}
    ${'no step at all'}          | ${script(null)}                                                           | ${'script[1].do: is missing'}
    ${'a verb without a field'}  | ${script({ do: 'probe', device: 'nic' })}                                 | ${'script[1].dmaMask: is missing'}
    ${'a number for an address'} | ${script({ do: 'probe', device: 'nic', dmaMask: 5 })}                     | ${'script[1].dmaMask: must be a string such as "0x1000"'}
    ${'too many digits'}         | ${script({ do: 'probe', device: 'nic', dmaMask: '0x10000000000000000' })} | ${'script[1].dmaMask: must be a string'}
    ${'a negative vCPU'}         | ${script({ do: 'unbind', device: 'nic', vcpu: -1 })}                      | ${'script[1].vcpu: must be a whole number'}
    ${'an unknown moment'}       | ${script({ do: 'system_reset', when: 'soon' })}                           | ${'script[1].when: must be an object'}
    ${'a moment without times'}  | ${script({ do: 'system_reset', when: { seen: '' } })}                     | ${'script[1].when.seen: must be a text'}
    ${'an odd page size'}        | ${{ machine: { guestPageShift: 13 } }}                                    | ${'machine.guestPageShift: must be one of 12, 16'}
    ${'a condition on nothing'}  | ${{ holds: [{ when: { defWinClear: 'maybe' } }] }}                        | ${"holds[0]: 'defWinClear' cannot be 'maybe'"}
    ${'a window without start'}  | ${{ holds: [{ windows: [{ liobn: '0x1' }] }] }}                           | ${'holds[0].windows[0].start: is missing'}
  `('$case: $why', ({ fields, why }) => {
    expect(() => storyOf(fields)).toThrow(`test.story.json: ${why}`);
  });

  test('text that is no JSON names the line', () => {
    expect(() => readStory('{\n  "id": "x",\n  oops\n}', 'stories/x.story.json')).toThrow(
      /^stories\/x\.story\.json: line 3: /,
    );
    expect(() => readStory('', 'stories/x.story.json')).toThrow(/^stories\/x\.story\.json: /);
    expect(() => readStory('[]', 'stories/x.story.json')).toThrow('must be an object');
  });
});

describe('stories on disk', () => {
  test('an unknown one is refused with those there are', () => {
    expect(() => loadStory('ddw-indirect')).toThrow(
      /^There is no story 'ddw-indirect'; there are: (?:[a-z0-9-]+, )*boot-emulated, /,
    );
    expect(() => loadStory('../package')).toThrow("There is no story '../package'");
  });

  test.each(listStories())('$id is what the JSON schema describes', ({ id }) => {
    const validate = new Ajv2020({ strict: false }).compile(
      JSON.parse(readFileSync(fileAt('stories/story.schema.json'), 'utf8')),
    );
    const text = readFileSync(`${storiesFolder()}${id}.story.json`, 'utf8');
    expect(validate(JSON.parse(text)) || validate.errors).toBe(true);
  });
});

describe('a story that does not go as told is unexpected, and says why', () => {
  const resultOf = (holds: unknown, more: Readonly<Record<string, unknown>> = {}) =>
    runStory(storyOf({ size: 'minimal', machine: { guest: false }, holds, ...more }));
  const window = { liobn: '0x80000000', start: '0x0', pageShift: 12, entries: 4, mapped: 0 };

  test.each`
    case                           | block                                             | why
    ${'another window'}            | ${{ windows: [{ ...window, mapped: 1 }] }}        | ${'Missing at the end: qemu-spapr LIOBN 0x80000000'}
    ${'a window too many'}         | ${{ windows: [] }}                                | ${'Not expected at the end: qemu-spapr LIOBN 0x80000000'}
    ${'a report that never came'}  | ${{ reports: ['booted'] }}                        | ${"Never reported, or not in this place: 'booted'."}
    ${'a message that never came'} | ${{ met: [{ type: 'H_GET_TCE' }] }}               | ${'The story never reached H_GET_TCE.'}
    ${'a message elsewhere'}       | ${{ met: [{ type: 'system_reset', to: 'kvm' }] }} | ${'The story never reached system_reset at kvm.'}
    ${'a message too few'}         | ${{ met: [{ type: 'system_reset', times: 2 }] }}  | ${'system_reset arrived 1 times instead of 2.'}
    ${'a property that holds'}     | ${{ violated: ['S-13'] }}                         | ${'S-13 holds, and was expected not to.'}
    ${'QEMU that lives'}           | ${{ aborts: true }}                               | ${'QEMU was expected to be gone, and is not.'}
  `('$case', ({ block, why }) => {
    const { outcome, mistakes } = resultOf([block]);
    expect(outcome).toBe('unexpected');
    expect(mistakes[0]).toContain(why);
  });

  test('what is as told is as expected', () => {
    expect(resultOf([{ windows: [window] }]).mistakes).toEqual([]);
  });

  test('a block whose condition is not met does not count', () => {
    expect(resultOf([{ when: { defWinClear: 'fixed' }, aborts: true }]).outcome).toBe('as-expected');
  });

  test('a step that nobody takes ends the story', () => {
    const stopped = {
      script: [{ do: 'system_reset' }, { do: 'stop' }, { do: 'H_GET_TCE', liobn: '0x1', ioba: '0x0' }],
    };
    expect(resultOf([], stopped).mistakes).toEqual([
      'Step 3 of the script, H_GET_TCE, cannot be taken where its receiver stands.',
    ]);
  });

  test('a step that waits for what never comes ends the story', () => {
    const waiting = { script: [{ do: 'system_reset' }, { do: 'stop', when: { seen: 'booted' } }] };
    expect(resultOf([], waiting).mistakes).toEqual([
      'Step 2 of the script, stop, waits for 1 booted, and nobody can move any more.',
    ]);
  });

  test.each([
    [{ do: 'dma_unmap', of: 'ring' }, "nothing is mapped as 'ring'"],
    [{ do: 'migrate-incoming' }, 'nothing was migrated'],
    [{ do: 'device-dma', device: 'nic', ioba: '0x0', bytes: 1, access: 'read' }, 'there is no device nic'],
    [{ do: 'dlpar-add-phb', phb: 7 }, 'there is no PHB 7'],
    [{ do: 'set-indicator', device: 'nic', isolation: 'ISOLATED' }, 'there is no device nic'],
    [{ do: 'host-device-dma-mapped', of: 'ring', bytes: 1, access: 'read' }, "nothing is mapped as 'ring'"],
    [
      { do: 'host-device-dma', device: 'x', address: '0x0', bytes: 1, access: 'read' },
      'this machine has no powernv-ioda2',
    ],
    [{ do: 'probe', device: 'nic', dmaMask: '0xff' }, 'this machine has no guest-kernel'],
    [{ do: 'stop', of: 'qemu-elsewhere' }, 'there is no qemu-elsewhere'],
  ])('a step without meaning ends the story: %j', (step, why) => {
    expect(resultOf([], script(step)).mistakes[0]).toContain(why);
  });
});
