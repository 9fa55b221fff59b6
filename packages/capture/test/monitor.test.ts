import type { QemuProcess } from '@spapr-dma/qemu-process';
import { expect, test } from 'vitest';
import { Monitor } from '../src/record/monitor.js';

/** A monitor of QEMU that tells an event with each command. */
function fakeQmp() {
  const events: { event: string; data: object }[] = [];
  const waitedFrom: (number | undefined)[] = [];
  const qmp = {
    events,
    command: async (execute: string) => {
      events.push({ event: 'RTC_CHANGE', data: {} }, { event: `AFTER_${execute}`, data: {} });
      return { answered: execute };
    },
    event: async (_: string, { from }: { from?: number }) => {
      waitedFrom.push(from);
    },
  };
  return { qmp: qmp as unknown as QemuProcess['qmp'], events, waitedFrom };
}

test('What is said at a monitor is put down in its order: commands, answers and events that tell something', async () => {
  const { qmp } = fakeQmp();
  let now = 0;
  const monitor = new Monitor(qmp, () => ++now);
  await monitor.step({ execute: 'device_del', arguments: { id: 'disk' } });
  await monitor.command('migrate', { uri: 'unix:/q/s' }, { uri: 'unix:s' });
  expect(monitor.lines).toEqual([
    { seconds: 1, kind: 'command', message: { execute: 'device_del', arguments: { id: 'disk' } } },
    { seconds: 2, kind: 'event', message: { event: 'AFTER_device_del', data: {} } },
    { seconds: 3, kind: 'answer', message: { answered: 'device_del' } },
    { seconds: 4, kind: 'command', message: { execute: 'migrate', arguments: { uri: 'unix:s' } } },
    { seconds: 5, kind: 'event', message: { event: 'AFTER_migrate', data: {} } },
    { seconds: 6, kind: 'answer', message: { answered: 'migrate' } },
  ]);
});

test('An event counts from the last command on, also where it came before anybody waited', async () => {
  const { qmp, waitedFrom } = fakeQmp();
  const monitor = new Monitor(qmp, () => 0);
  await monitor.step({ execute: 'device_add' });
  await monitor.step({ execute: 'device_del' });
  await monitor.step({ event: 'DEVICE_DELETED' });
  expect(waitedFrom).toEqual([2]);
});

test('What is asked again and again is not put down', async () => {
  const monitor = new Monitor(fakeQmp().qmp, () => 0);
  expect(await monitor.ask('query-status')).toEqual({ answered: 'query-status' });
  expect(monitor.lines).toEqual([]);
});
