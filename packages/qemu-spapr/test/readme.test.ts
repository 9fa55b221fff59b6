import type { KvmCall, VfioCall, ViewAccess } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { exampleOutput, generatedPart } from '../../../readme.base.ts';
import { OPERATIONS, type QemuSent, qemuMachine } from '../src/index.ts';

type Places = Readonly<Record<string, string>>;
type OfHost = KvmCall | ViewAccess | VfioCall;
const SENT: Readonly<Record<Exclude<QemuSent['type'], OfHost['type']>, string>> = {
  'hcall-return': 'to whom the hypercall came from: r3, and r4 of a successful H_GET_TCE',
  'rtas-return': 'to the guest: the status, the cells that were written, r3 of the carrying hypercall',
  'hotplug-event': 'to the guest: a PHB, a device or memory came, or shall go',
  'monitor-return': 'to the environment: how a command ended; of `migrate`, the stream',
  'dma-done': 'to the environment: where each piece of a transfer went',
  'iommu-notify': 'to the environment: one entry, for whoever listens to the window',
  'qemu-aborted': 'to the environment: the assertion that ended QEMU',
  'error-report': 'to the environment: what QEMU prints on standard error',
  'vfio-trace': 'to the environment: a line of VFIO in QEMU’s log',
  cost: 'to the environment: what a step cost that is more than one access',
  trace: 'to the environment: a line of QEMU’s log, at its place among the others',
};

/** System calls and accesses, which are many. */
const CALLED = [
  '| system calls on KVM’s files, `pause_all_vcpus`, `resume_all_vcpus` | to KVM, which answers by `kvm-return` |',
  '| `view_load`, `view_store`, `view_bulk_load` | to KVM, which owns the guest view of a table with an fd: `view-return` |',
  '| system calls on VFIO’s files | to the host’s VFIO, which answers by `vfio-return` |',
];

const MODES = ['realized', 'running', 'busy', 'paused', 'aborted', 'exited'] as const;

test('the README says which mode understands which message', () => {
  expect(Object.keys(qemuMachine.states)).toEqual([...MODES]);
  const takes = MODES.map((mode) => new Set<string>(qemuMachine.states[mode]!.events));
  const { shown, generated } = generatedPart('src/qemu.machine.ts', [
    `| message | ${MODES.join(' | ')} |`,
    `| --- |${' --- |'.repeat(MODES.length)}`,
    ...qemuMachine.events.map(
      (event) => `| \`${event}\` | ${takes.map((taken) => (taken.has(event) ? 'yes' : '')).join(' | ')} |`,
    ),
  ]);
  expect(shown).toBe(generated);
});

test('the README says what the big lock is held for, and where its holder can wait', () => {
  const awaited = new Map<string, Set<string>>();
  for (const [place, awaits] of Object.values<Places>(OPERATIONS).flatMap(Object.entries)) {
    awaited.set(awaits, (awaited.get(awaits) ?? new Set()).add(place));
  }
  const listed = (names: Iterable<string>) => [...names].map((name) => `\`${name}\``).join(', ');
  const { shown, generated } = generatedPart('src/places.ts', [
    '| | |',
    '| --- | --- |',
    `| held for | ${listed(Object.keys(OPERATIONS))} |`,
    ...[...awaited].map(([awaits, places]) => `| waits for \`${awaits}\` | ${listed(places)} |`),
  ]);
  expect(shown).toBe(generated);
});

test('the README says what is sent, and to whom', () => {
  const { shown, generated } = generatedPart('src/sent.ts', [
    '| message | goes |',
    '| --- | --- |',
    ...Object.entries(SENT).map(([type, goes]) => `| \`${type}\` | ${goes} |`),
    ...CALLED,
  ]);
  expect(shown).toBe(generated);
});

test('the README’s example prints what it says', async () => {
  const { shown, printed } = await exampleOutput();
  expect(printed).toBe(shown);
});
