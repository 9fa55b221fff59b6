import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isKernelChoice } from '../src/debian/kernels.js';
import { GUEST_MODULES } from '../src/image/modules.js';
import { GUEST_INIT } from '../src/record/guest-init.js';
import { SCENARIOS } from '../src/scenarios/all.js';

const byName = SCENARIOS.map((scenario) => [scenario.name, scenario] as const);
const wordsAfter = (script: string, command: string): string[] =>
  [...script.matchAll(new RegExp(`^\\s*${command} (.+)$`, 'gm'))].flatMap(([, words]) => words!.split(' '));

test('The scenarios are those that recordings are wanted of', () => {
  expect(SCENARIOS.map(({ name }) => name)).toEqual([
    'ddw',
    'no-ddw',
    '64k-guest',
    'two-phbs',
    'hotplug',
    'reset',
    'kexec',
    'migration',
  ]);
});

test.each(byName)("%s: a shell understands the guest's script", (_, { script }) => {
  const { status, stderr } = spawnSync('sh', ['-n'], { input: `${GUEST_INIT}\n${script}`, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test.each(byName)('%s: the guest asks for what is known, and for all of it', (_, { script, asked = {} }) => {
  expect(new Set(wordsAfter(script, 'ask'))).toEqual(new Set(Object.keys(asked)));
});

test.each(byName)('%s: the guest has the drivers that it loads', (_, { script }) => {
  const loaded = wordsAfter(script, 'load');
  expect(loaded.length).toBeGreaterThan(0);
  expect(GUEST_MODULES).toEqual(expect.arrayContaining(loaded));
});

test.each(byName)('%s: every disk is there and is used, here or by what is plugged', (_, scenario) => {
  const { args, asked, disks } = scenario;
  const named = [...JSON.stringify([args, asked]).matchAll(/drive(?:=|":")disk(\d)/g)].map(([, n]) =>
    Number(n),
  );
  expect(named.sort()).toEqual(Array.from({ length: disks }, (__, disk) => disk));
});

test.each(byName)(
  '%s has a kernel that can be chosen, and says what it shows',
  (_, { kernel, shows, events }) => {
    expect(isKernelChoice(kernel)).toBe(true);
    expect(shows).toMatch(/^[a-z].*[^.]$/);
    expect(events.some.length).toBeGreaterThan(0);
  },
);
