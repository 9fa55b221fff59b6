import { expect, test } from 'vitest';
import { type QemuSent, qemuMachine } from '../src/index.ts';
import { exampleOutput, generatedPart } from './readme.ts';

const SENT: Readonly<Record<QemuSent['type'], string>> = {
  'hcall-return': 'to whom the hypercall came from: r3, and r4 of a successful H_GET_TCE',
  'rtas-return': 'to the guest: the status, the cells that were written, r3 of the carrying hypercall',
  'hotplug-event': 'to the guest: a PHB, a device or memory came, or shall go',
  'monitor-return': 'to the environment: how a command ended; of `migrate`, the stream',
  'dma-done': 'to the environment: where each piece of a transfer went',
  'iommu-notify': 'to the environment: one entry, for whoever listens to the window',
  'qemu-aborted': 'to the environment: the assertion that ended QEMU',
  cost: 'to the environment: what a step cost that is more than one access',
  trace: 'to the environment: a line of QEMU’s log, at its place among the others',
};

const MODES = ['realized', 'running', 'creatingWindow', 'paused', 'aborted'] as const;

test('the README says which mode understands which message', () => {
  expect(Object.keys(qemuMachine.states)).toEqual([...MODES]);
  const takes = MODES.map((mode) => new Set<string>(qemuMachine.states[mode]!.ownEvents));
  const { shown, generated } = generatedPart('src/qemu.machine.ts', [
    `| message | ${MODES.join(' | ')} |`,
    `| --- |${' --- |'.repeat(MODES.length)}`,
    ...qemuMachine.events.map(
      (event) => `| \`${event}\` | ${takes.map((taken) => (taken.has(event) ? 'yes' : '')).join(' | ')} |`,
    ),
  ]);
  expect(shown).toBe(generated);
});

test('the README says what is sent, and to whom', () => {
  const { shown, generated } = generatedPart('src/sent.ts', [
    '| message | goes |',
    '| --- | --- |',
    ...Object.entries(SENT).map(([type, goes]) => `| \`${type}\` | ${goes} |`),
  ]);
  expect(shown).toBe(generated);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
