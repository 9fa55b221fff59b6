import { join } from 'node:path';
import { QemuGone, type QemuProcess, startQemu } from '@spapr-dma/qemu-process';
import type { QemuAnswer, QemuMachine } from '@spapr-dma/trace';
import { abortOf } from './abort.js';
import { commandLine, type Plugged } from './command-line.js';
import { writeStub } from './stub.js';

/** Who runs now, and what is answered. */
export interface Migrated {
  readonly answer: QemuAnswer;
  /** The second QEMU; null where it did not take over. */
  readonly second: QemuProcess | null;
}

/** Memory is not sent: both map the same file. */
const CAPABILITIES = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };
const POLL_MS = 2;

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

/** Waits until the stream is sent. An error's text, or null. */
async function sent({ qmp }: QemuProcess): Promise<string | null> {
  for (;;) {
    const told = (await qmp.command('query-migrate')) as { status?: string; 'error-desc'?: string };
    if (told.status === 'completed') return null;
    if (told.status === 'failed' || told.status === 'cancelled') return told['error-desc'] ?? told.status;
    await later();
  }
}

/** Waits until the vCPU runs. */
async function running({ qmp }: QemuProcess): Promise<void> {
  for (;;) {
    const { running } = (await qmp.command('query-status')) as { running?: boolean };
    if (running) return;
    await later();
  }
}

/**
 * Has a second QEMU load the state of the first and go on; then the first one ends. Where the second refuses the
 * stream, the first goes on.
 * @param memory path of the file that is guest memory, which both use
 * @param plugged what the first one has now
 */
export async function migrate(
  machine: QemuMachine,
  first: QemuProcess,
  memory: string,
  plugged: Plugged,
): Promise<Migrated> {
  const second = await startQemu({
    args: (places) => [...commandLine(machine, plugged, places, memory), '-incoming', 'defer'],
    prepare: ({ folder }) => writeStub(folder),
  });
  const uri = `unix:${join(second.places.folder, 'stream')}`;
  try {
    await second.qmp.command('migrate-set-capabilities', CAPABILITIES);
    await second.qmp.command('migrate-incoming', { uri });
    await first.qmp.command('migrate-set-capabilities', CAPABILITIES);
    await first.qmp.command('migrate', { uri });
    const failed = await sent(first);
    if (failed === null) await running(second);
    else await second.exited;
  } catch (error) {
    if (!(error instanceof QemuGone) || second.exit === null) throw error;
  }
  if (second.exit === null) {
    await first.kill();
    return { answer: { kind: 'monitor', error: null }, second };
  }
  if (second.exit.signal !== null) return { answer: await abortOf(second), second: null };
  await first.qmp.command('cont');
  const error = second.stderr.trim().split('\n').at(-1) ?? '';
  return { answer: { kind: 'monitor', error }, second: null };
}
