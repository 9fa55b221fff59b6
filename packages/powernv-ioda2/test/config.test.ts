import { expect, test } from 'vitest';
import {
  featuresOf,
  isSince,
  LINUX_6_12,
  LINUX_NAMES,
  type LinuxName,
  powernvConfigOf,
} from '../src/index.ts';

const { features, switches } = LINUX_6_12;

test.each`
  linux           | levels        | killSplit | defaultWindow | groupDevices   | chargedCopies | allocatedSize  | tableBaseUpdate
  ${'linux-4.2'}  | ${'eager'}    | ${false}  | ${'below4G'}  | ${'perGroup'}  | ${1}          | ${'allocated'} | ${'none'}
  ${'linux-4.11'} | ${'eager'}    | ${false}  | ${'below4G'}  | ${'perGroup'}  | ${1}          | ${'allocated'} | ${'none'}
  ${'linux-4.12'} | ${'eager'}    | ${false}  | ${'below4G'}  | ${'perGroup'}  | ${1}          | ${'allocated'} | ${'takeAndRelease'}
  ${'linux-4.20'} | ${'onDemand'} | ${false}  | ${'below4G'}  | ${'perGroup'}  | ${2}          | ${'allocated'} | ${'takeAndRelease'}
  ${'linux-5.0'}  | ${'onDemand'} | ${false}  | ${'below4G'}  | ${'perGroup'}  | ${2}          | ${'charged'}   | ${'takeAndRelease'}
  ${'linux-5.3'}  | ${'onDemand'} | ${false}  | ${'large'}    | ${'perGroup'}  | ${2}          | ${'charged'}   | ${'takeAndRelease'}
  ${'linux-6.3'}  | ${'onDemand'} | ${true}   | ${'large'}    | ${'perGroup'}  | ${2}          | ${'charged'}   | ${'takeAndRelease'}
  ${'linux-6.12'} | ${'onDemand'} | ${true}   | ${'large'}    | ${'perDevice'} | ${2}          | ${'charged'}   | ${'takeAndRelease'}
  ${'linux-7.2'}  | ${'onDemand'} | ${true}   | ${'large'}    | ${'perDevice'} | ${2}          | ${'charged'}   | ${'takeAndRelease'}
`('$linux', ({ linux, tableBaseUpdate, ...told }) => {
  const config = powernvConfigOf(linux as LinuxName);
  expect(config.features).toEqual(told);
  expect(config.switches.tableBaseUpdate).toBe(tableBaseUpdate);
});

test('versions are compared as numbers', () => {
  expect(isSince('linux-4.20', 4, 3)).toBe(true);
  expect(isSince('linux-4.3', 4, 20)).toBe(false);
  expect(isSince('linux-10.0', 9, 9)).toBe(true);
});

test('each version that is named differs from the one before, or is one that was recorded or asked for', () => {
  const plain = LINUX_NAMES.map((linux) =>
    JSON.stringify([featuresOf(linux), powernvConfigOf(linux).switches]),
  );
  const same = LINUX_NAMES.filter((_, at) => plain[at] === plain[at - 1]);
  expect(same).toEqual([
    'linux-4.4',
    'linux-4.10',
    'linux-4.18',
    'linux-6.1',
    'linux-6.3',
    'linux-6.12',
    'linux-7.2',
  ]);
  expect([features, switches]).toEqual([featuresOf('linux-6.12'), powernvConfigOf('linux-6.12').switches]);
});
