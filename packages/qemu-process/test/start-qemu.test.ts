import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { qemuLacks } from '../src/lacks.ts';
import type { QemuPlaces } from '../src/places.ts';
import { QemuGone, QmpError } from '../src/qmp.ts';
import { type QemuProcess, startQemu } from '../src/start-qemu.ts';

const lacks = qemuLacks();
const skipped = lacks === null ? '' : ` (skipped: ${lacks})`;

const CAPS = 'cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off';

/** A machine that stands still, its memory in the file. */
const args = ({ memory }: QemuPlaces): string[] => [
  ...['-M', `pseries,memory-backend=ram,${CAPS}`, '-m', '256M', '-S', '-nodefaults', '-display', 'none'],
  ...['-object', `memory-backend-file,id=ram,size=256M,mem-path=${memory},share=on`],
];

/** Is there such a process, other than as one that waits to be asked how it ended? */
function runs(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const isGone = ({ pid, places }: Pick<QemuProcess, 'pid' | 'places'>): boolean =>
  !runs(pid) && !existsSync(places.folder) && !existsSync(places.memory);

describe.skipIf(lacks !== null)(`a QEMU${skipped}`, () => {
  const started: QemuProcess[] = [];
  const start = async (options: Parameters<typeof startQemu>[0]): Promise<QemuProcess> => {
    const qemu = await startQemu(options);
    started.push(qemu);
    return qemu;
  };
  afterEach(() => Promise.all(started.splice(0).map((qemu) => qemu.kill())));

  test('has its files, and takes them along when it quits', async () => {
    const qemu = await start({
      args,
      prepare: ({ folder }) => writeFileSync(join(folder, 'something'), 'text'),
    });
    expect([existsSync(join(qemu.places.folder, 'something')), existsSync(qemu.places.memory)]).toEqual([
      true,
      true,
    ]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
    expect(isGone(qemu)).toBe(true);
    expect(qemu.exit).toEqual({ status: 0, signal: null });
  });

  test('answers commands in their order, and refuses with a sentence', async () => {
    const { qmp } = await start({ args });
    const [status, refused, version] = await Promise.all([
      qmp.command('query-status'),
      qmp.command('device_del', { id: 'nobody' }).catch((error: Error) => error),
      qmp.command('query-version'),
    ]);
    expect(status).toMatchObject({ status: 'prelaunch' });
    expect(refused).toEqual(new QmpError("Device 'nobody' not found"));
    expect(refused).toBeInstanceOf(QmpError);
    expect(version).toHaveProperty('qemu');
  });

  test('tells events, also to who asks later', async () => {
    const { qmp } = await start({ args });
    const resumed = qmp.event('RESUME');
    await qmp.command('cont');
    await resumed;
    const from = qmp.events.length;
    await qmp.command('stop');
    expect(await qmp.event('STOP', { from })).toMatchObject({ event: 'STOP' });
    await expect(qmp.event('RESUME', { from, ms: 20 })).rejects.toThrow('did not tell RESUME within 20 ms');
  });

  test('that aborts is told with its signal, to those who wait too', async () => {
    const qemu = await start({ args });
    const waits = qemu.qmp.event('RESET').catch((error) => error);
    process.kill(qemu.pid, 'SIGABRT');
    expect(await qemu.exited).toEqual({ status: null, signal: 'SIGABRT' });
    expect(await waits).toBeInstanceOf(QemuGone);
    expect((await waits).message).toBe('QEMU ended by SIGABRT');
    await expect(qemu.qmp.command('query-status')).rejects.toBeInstanceOf(QemuGone);
    expect(isGone(qemu)).toBe(true);
  });

  test('can be held, and is ended also then', async () => {
    const qemu = await start({ args });
    qemu.pause();
    await until(() => / T /.test(readFileSync(`/proc/${qemu.pid}/stat`, 'utf8')));
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
    const other = await start({ args });
    other.pause();
    expect(await other.kill()).toEqual({ status: null, signal: 'SIGKILL' });
    expect([qemu, other].map(isGone)).toEqual([true, true]);
  });

  test('that refuses its arguments is an error with its last words', async () => {
    await expect(startQemu({ args: ['-M', 'pseries', '-m', '200M'] })).rejects.toThrow(
      /^QEMU ended with status 1: .*not aligned to 256 MiB$/,
    );
  });

  test('whose preparation fails never starts', async () => {
    let places: QemuPlaces | undefined;
    const prepare = (seen: QemuPlaces): void => {
      places = seen;
      throw new Error('the disk is full');
    };
    await expect(startQemu({ args, prepare })).rejects.toThrow('the disk is full');
    expect(existsSync(places!.folder)).toBe(false);
  });

  test('hands over what it writes', async () => {
    let text = '';
    await start({
      args: (places) => [...args(places).filter((arg) => arg !== '-S'), '-serial', 'stdio'],
      onStdout: (bytes) => {
        text += Buffer.from(bytes).toString('latin1');
      },
    });
    await until(() => text.includes('SLOF'));
    expect(text).toContain('SLOF');
  });

  test('and its files are gone when its guard is killed', async () => {
    const qemu = await start({ args });
    const guard = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${qemu.pid}/stat`, 'utf8'))?.[1]);
    process.kill(guard, 'SIGKILL');
    await until(() => isGone(qemu));
    expect(isGone(qemu)).toBe(true);
  });
});

/** Starts a QEMU from a process of its own, which tells where it is. */
async function startedByChild(): Promise<{ child: ChildProcess; qemu: Pick<QemuProcess, 'pid' | 'places'> }> {
  const program = `
    import { startQemu } from '@spapr-dma/qemu-process';
    const CAPS = ${JSON.stringify(CAPS)};
    const qemu = await startQemu({ args: (places) => (${args.toString()})(places) });
    console.log(JSON.stringify({ pid: qemu.pid, places: qemu.places }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await until(() => text.endsWith('\n') || child.exitCode !== null);
  return { child, qemu: JSON.parse(text) };
}

describe.skipIf(lacks !== null)(`whoever started a QEMU${skipped}`, () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGHUP'] as const)('leaves nothing when ended by %s', async (signal) => {
    const { child, qemu } = await startedByChild();
    expect([runs(qemu.pid), isGone(qemu)]).toEqual([true, false]);
    process.kill(child.pid!, signal);
    await until(() => isGone(qemu));
    expect(isGone(qemu)).toBe(true);
  });

  test('leaves nothing when a terminal interrupts the whole group', async () => {
    const { child, qemu } = await startedByChild();
    process.kill(-child.pid!, 'SIGINT');
    await until(() => isGone(qemu));
    expect(isGone(qemu)).toBe(true);
  });
});
