import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pathChart } from '../src/chart/chart.ts';
import { fromJson, toJson } from '../src/counterexample/choice-json.ts';
import { CounterexampleError, readCounterexample } from '../src/counterexample/counterexample.ts';
import { chartedCounterexample } from '../src/counterexample/counterexample-chart.ts';
import { MACHINE_FAILURE, playCounterexample, showsAgain } from '../src/counterexample/play.ts';
import { counterexampleOf } from './counterexample-of.ts';

const property = {
  name: 'S-11',
  title: 'What is charged is what is held.',
  text: 'Too much is charged.',
  costMax: null,
};
/** Memory is unregistered while an entry points into it: seven steps, of which the last breaks the accounts. */
const made = counterexampleOf('accounting-unregister-in-use', 2, property);

type Fields = Record<string, unknown>;

/** The file with another value in one place; undefined takes what is there away. */
function doctored(path: readonly (string | number)[], value: unknown): string {
  const file = JSON.parse(made.text) as Fields;
  const place = path.slice(0, -1).reduce((each, name) => each[name] as Fields, file);
  place[path.at(-1)!] = value;
  return JSON.stringify(file);
}
const readBack = (text: string) => readCounterexample(text, 'found.json');
const played = playCounterexample(readBack(made.text));

describe('a counterexample', () => {
  test('that is written is read as it was', () => {
    expect(readBack(made.text)).toEqual(made.counterexample);
  });

  test('has one line a step, which says what happened and what it changed', () => {
    const lines = made.text.split('\n').filter((line) => line.includes('"choice"'));
    expect(lines).toHaveLength(made.counterexample.choices.length);
    expect(JSON.parse(lines[5]!.replace(/,$/, ''))).toEqual({
      n: 6,
      from: 'qemu-spapr',
      to: 'kvm',
      message: 'KVM_SET_USER_MEMORY_REGION',
      changes: ['memslot 1: new, 0x20000000 bytes at GPA 0x20000000'],
      text: 'qemu-spapr → kvm: KVM_SET_USER_MEMORY_REGION slot=1 gpa=0x20000000 bytes=0x20000000 ua=0x7f0020000000',
      choice: { kind: 'deliver', from: 'qemu-spapr', to: 'kvm', thread: 'main' },
    });
  });

  test('shows again at its last step, in running actors and by pure steps', () => {
    expect(showsAgain(played)).toBe(true);
    expect(played.violation).toMatchObject({ name: 'S-11', step: 7 });
    expect(played.violation?.text).toMatch(/charged 8196 host pages, which is 8192 more than it holds/);
    expect(played.steps).toEqual(made.steps);
    expect(played.setupSteps).toBeGreaterThan(10);
    expect(played.told).toBeGreaterThanOrEqual(played.messages.length);
    expect(played.atRest).toBe(true);
  });

  test('lets anyone listen to the running actors', () => {
    const heard: string[] = [];
    playCounterexample(readBack(made.text), {
      onBus: (bus) => bus.on('VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', (message) => heard.push(message.type)),
    });
    expect(heard).toEqual(['VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY']);
  });

  test('does not show again where something else was said to break', () => {
    const other = playCounterexample(readBack(doctored(['property', 'name'], 'S-13')));
    expect(showsAgain(other)).toBe(false);
    expect(other.violation).toBeNull();
    expect(other.others).toMatchObject([{ name: 'S-11', step: 7 }]);
  });

  test('of L-2 is held against the budget of its model', () => {
    const stalled = (costMax: number | null) => {
      const text = doctored(['property'], { ...property, name: 'L-2', costMax });
      return playCounterexample(readBack(text)).violation?.text ?? null;
    };
    expect(stalled(0)).toMatch(/; 0 ns are allowed\.$/);
    expect(stalled(null)).toBeNull();
  });

  test('is judged by whoever is asked to', () => {
    let steps = 0;
    const observe = () => {
      steps += 1;
      return null;
    };
    const judge = { observe, atRest: () => `${steps} steps were judged` };
    const { violation } = playCounterexample(readBack(made.text), { judge });
    expect(violation).toEqual({
      name: 'S-11',
      step: 7,
      text: `${played.setupSteps + played.steps.length} steps were judged`,
    });
  });

  test('that goes round comes back to where it was', () => {
    const thread = 'vcpu0';
    const get = {
      type: 'H_GET_TCE',
      from: 'guest-kernel',
      to: 'kvm',
      thread,
      liobn: '0x80000000',
      ioba: '0x0',
    };
    const put = { ...get, type: 'H_PUT_TCE', tce: '0x3' };
    const round = (message: Fields) => {
      const steps = [{ choice: { kind: 'offer', to: 'kvm', message } }];
      const file = { ...(JSON.parse(made.text) as Fields), steps, loopAfter: 0 };
      return playCounterexample(readBack(JSON.stringify(file)));
    };
    expect(showsAgain(round(get))).toBe(true);
    expect(showsAgain(round(put))).toBe(false);
  });

  test('may begin below a VMM that is not QEMU', () => {
    const { machine: _, ...file } = JSON.parse(made.text) as Fields;
    const thread = 'main';
    const open = {
      type: 'open',
      from: 'qemu-spapr',
      to: 'vfio-host',
      thread,
      process: 'qemu',
      path: '/dev/vfio/0',
    };
    const steps = [{ choice: { kind: 'offer', to: 'vfio-host', message: open } }];
    const text = JSON.stringify({ ...file, vmm: { generation: 'PHB3' }, setup: [], steps });
    const { steps: told, counterexample } = playCounterexample(readBack(text));
    expect(counterexample.host).toMatchObject({ kind: 'vmm', vmm: { generation: 'PHB3', pageShift: 12 } });
    expect(told[0]?.changes).toContain('process qemu descriptor 3: new, group 0');
  });

  test('of a machine that fails ends with the message that it fails on', () => {
    const stray = { kind: 'offer', to: 'kvm', message: { type: 'stray', from: 'qemu-spapr', to: 'kvm' } };
    const failing = (name: string) => {
      const file = { ...(JSON.parse(made.text) as Fields), steps: [{ choice: stray }] };
      return JSON.stringify({ ...file, property: { ...property, name } });
    };
    const { violation } = playCounterexample(readBack(failing(MACHINE_FAILURE)));
    expect(violation).toMatchObject({ step: 1, text: 'kvm on stray: the machine does not expect it' });
    expect(() => playCounterexample(readBack(failing('S-11')))).toThrow(
      /steps\[0\] cannot be taken: kvm on stray: the machine does not expect it/,
    );
  });
});

describe('its chart', () => {
  const charted = chartedCounterexample(played);

  test('says below each step what it changed, and where the property breaks', () => {
    const lines = pathChart(charted, 'terminal').split('\n');
    const at = (part: string) => lines.findIndex((line) => line.includes(part));
    expect(lines[0]).toBe(
      'accounting-unregister-in-use: Memory is unregistered while a device may use it (newest)',
    );
    expect(at('VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY containerFd')).toBe(at('registered region 1: gone') - 1);
    expect(at('big lock: main → free')).toBe(at('✗ S-11:') - 1);
    expect(lines[at('memslot 1: new, 0x20000000')]).toMatch(/┊/);
  });

  test('is a text for Mermaid and for PlantUML too', () => {
    expect(pathChart(charted, 'mermaid')).toContain(
      '\n  Note over P2: memslot 1: new, 0x20000000 bytes at GPA',
    );
    expect(pathChart(charted, 'plantuml')).toContain(
      '\nnote over P2 : memslot 1: new, 0x20000000 bytes at GPA',
    );
  });

  test('leaves out repeated steps as a whole, and no change alone', () => {
    const texts = ['a: 0 → 1', 'b: 0 → 1', 'c: 0 → 1', 'd: 0 → 1', 'e: 0 → 1'];
    const changes = [{ step: 7, participant: 'kvm', texts }];
    const text = pathChart({ ...charted, changes }, 'terminal');
    for (const change of texts) expect(text).toContain(change);
  });
});

describe('a file that is none is refused with its place:', () => {
  const offered = { kind: 'offer', to: 'qemu-spapr' };
  const first = (choice: unknown) => doctored(['steps', 0], { choice });
  const nested = `${'['.repeat(5000)}${']'.repeat(5000)}`;

  test.each<[string, string, RegExp]>([
    ['nothing', '', /^found\.json: line 1: the file ends too early/],
    [
      'half of it',
      made.text.slice(0, made.text.length >> 1),
      /^found\.json: line \d+: the file ends too early/,
    ],
    ['something else', '{\n  model: 1\n}', /^found\.json: line 2: /],
    ['a list', '[]', /^found\.json: a counterexample must be an object$/],
    ['a story', '{"id": "boot"}', /: format: is missing; it must be 'spapr-dma-counterexample\/1'$/],
    [
      'another version',
      doctored(['format'], 'spapr-dma-counterexample/2'),
      /: format: is "spapr-dma-counterexample\/2"; this version reads 'spapr-dma-counterexample\/1'$/,
    ],
    ['no model', doctored(['model'], undefined), /: model: is missing$/],
    ['a stray field', doctored(['extra'], 1), /: extra: is not known here; known are /],
    ['no machine', doctored(['machine'], undefined), /: machine: is missing$/],
    ['two of them', doctored(['vmm'], {}), /: vmm: cannot stand beside a machine$/],
    ['another preset', doctored(['preset'], '1999'), /: settings: There is no preset '1999'/],
    [
      'a setting that does not exist',
      doctored(['settings', 'colour'], 'red'),
      /: settings: There is no setting 'colour'/,
    ],
    ['another size', doctored(['size'], 'huge'), /: size: must be one of "minimal", "power9"$/],
    [
      'a machine of another kind',
      doctored(['machine', 'ram'], 7),
      /: machine\.ram: must be a string such as "0x1000"/,
    ],
    [
      'a machine with a million vCPUs',
      doctored(['machine', 'vcpus'], 1_000_000),
      /: machine\.vcpus: must be at most 64$/,
    ],
    [
      'a setup that nobody knows',
      doctored(['setup', 0], { do: 'dance' }),
      /: setup\[0\]\.kind: must be one of 'deliver'/,
    ],
    ['no steps', doctored(['steps'], []), /: steps: must have at least one step$/],
    ['a loop beyond its end', doctored(['loopAfter'], 7), /: loopAfter: must be null or a whole/],
    ['a step without its choice', first(undefined), /: steps\[0\]\.choice: is missing$/],
    ['a choice of no kind', first({ to: 'kvm' }), /: steps\[0\]\.choice\.kind: must be one of 'deliver'/],
    [
      'a choice without a receiver',
      first({ kind: 'deliver', from: 'kvm' }),
      /: steps\[0\]\.choice\.to: is missing$/,
    ],
    [
      'an offer of nothing',
      first({ ...offered, message: null }),
      /: steps\[0\]\.choice\.message: must be a message$/,
    ],
    [
      'a message without a type',
      first({ ...offered, message: {} }),
      /message\.type: must be a text, not empty$/,
    ],
    [
      'a message nested without end',
      first({ ...offered, message: { type: 'a', deep: 'HERE' } }).replace('"HERE"', nested),
      /is nested too deep$/,
    ],
  ])('%s', (_, text, why) => {
    expect(() => readBack(text)).toThrow(CounterexampleError);
    expect(() => readBack(text)).toThrow(why);
  });

  test.each<[string, string, RegExp]>([
    [
      'a property that does not exist',
      doctored(['property', 'name'], 'S-99'),
      /: property\.name: there is no property 'S-99'; there are S-1, /,
    ],
    [
      'a setup that gets stuck',
      doctored(['setup', 1], { kind: 'deliver', from: 'kvm', to: 'vfio-host' }),
      /: setup\[1\] cannot be taken: nothing is on its way from kvm to vfio-host$/,
    ],
    [
      'a message that is not there',
      first({ kind: 'deliver', from: 'kvm', to: 'qemu-spapr' }),
      /steps\[0\] cannot/,
    ],
    [
      'a machine that is not there',
      first({ kind: 'step', to: 'moon', thread: 'main' }),
      /this machine has no moon$/,
    ],
    [
      'a message that is not taken',
      doctored(['steps', 1], {
        choice: { ...offered, message: { type: 'system_reset', from: 'environment', to: 'qemu-spapr' } },
      }),
      /^found\.json: steps\[1\] cannot be taken: qemu-spapr does not take system_reset where it stands$/,
    ],
    [
      'a step too many',
      doctored(['steps', 7], { choice: made.counterexample.choices[6] }),
      /steps\[7\] cannot be taken: nothing/,
    ],
  ])('%s, where it is played', (_, text, why) => {
    const counterexample = readBack(text);
    const play = () => playCounterexample(counterexample, { file: 'found.json' });
    expect(play).toThrow(CounterexampleError);
    expect(play).toThrow(why);
  });
});

test('messages come back from JSON as they were, whatever they hold', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('0x12', "'0x12", '-0x1', "'", 'nvme', null, true, -3),
      fc.bigInt(-(2n ** 64n), 2n ** 64n),
      fc.string(),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
    ),
  }));
  fc.assert(
    fc.property(value, (given) => {
      const text = JSON.stringify(toJson(given));
      expect(fromJson(JSON.parse(text), { file: '', path: '' })).toEqual(given);
    }),
  );
});
