import { buid, bytes, gpa, ioba, iommuPageShift, liobn } from '@spapr-dma/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalGuest,
  GUEST_VERSIONS,
  GUEST_WINDOW_LIFE,
  type GuestEvent,
  type GuestWindowMode,
  guestWindowMode,
} from '../src/index.ts';
import { BUID, command, Guest, MASK_32, MASK_64, phbNode, powerOn } from './fake-hypervisor.ts';

/** A small guest: 16-page default window, lists of 2, so that every loop and every shortage occurs. */
const small = { indirectTcesMax: 2, kdumpMinTceEntries: 4, poolCount: 2, smallRequestPagesMax: 2 };
const smallPhb = (n: number) =>
  phbNode({
    buid: buid(BUID + BigInt(n)),
    drcIndex: 0x2000_0000 + n,
    dmaWindow: { liobn: liobn(0x8000_0000 + 0x100 * n), start: ioba(0n), bytes: bytes(0x1_0000n) },
    devices: [0, 1].map((slot) => ({ id: `dev${n}${slot}`, busno: 0, devfn: slot << 3 })),
    mmio32: { start: 0x4000n, end: 0x6000n },
    ddwExtensions: n === 0 ? [2, 0x2029, 1] : [3, 0x2029, 1, 1],
  });
const memory = {
  ranges: [{ gpa: gpa(0n), bytes: bytes(0x4_0000n) }],
  hotplugMax: gpa(0x8_0000n),
  pmemory: false,
};

const device = fc.constantFrom('dev00', 'dev01', 'dev10', 'dev20', 'vio0');
const phb = fc.constantFrom(BUID, buid(BUID + 1n), buid(BUID + 2n));
const page = fc.nat(63).map((n) => gpa(BigInt(n) * 0x1000n));
const size = fc.constantFrom(1n, 0x1000n, 0x2800n, 0x6000n).map(bytes);
const direction = fc.constantFrom('DMA_BIDIRECTIONAL', 'DMA_TO_DEVICE', 'DMA_FROM_DEVICE');
const num = fc.constantFrom(0, 1);
const bootArgs = fc.record({ multitceOff: fc.boolean(), disableDdw: fc.boolean() });
const hotplugged = fc.constant({ gpa: gpa(0x4_0000n), bytes: bytes(0x2_0000n) });

const probe = fc.record({
  type: fc.constant('probe'),
  device,
  dmaMask: fc.constantFrom(MASK_64, MASK_64, MASK_32, (1n << 40n) - 1n, 0xffn),
});

const body = fc.oneof(
  { weight: 6, arbitrary: probe },
  fc.record({ type: fc.constant('unbind'), device }),
  fc.record({
    type: fc.constant('dma_map'),
    device,
    kind: fc.constantFrom('page', 'coherent'),
    gpa: page,
    bytes: size,
    direction,
  }),
  fc.record({
    type: fc.constant('dma_map_sg'),
    device,
    segments: fc.array(fc.record({ gpa: page, bytes: size }), { minLength: 1, maxLength: 3 }),
    direction,
  }),
  fc.record({ type: fc.constant('dma_unmap'), device, dmaAddress: page.map(ioba), bytes: size }),
  hotplugged.map((range) => ({ type: 'online-memory', ...range })),
  hotplugged.map((range) => ({ type: 'offline-memory', ...range })),
  fc.constant({ type: 'dlpar-add-phb', node: smallPhb(2) }),
  fc.record({ type: fc.constant('dlpar-remove-phb'), buid: phb }),
  fc.record({
    type: fc.constant('dlpar-add-device'),
    buid: phb,
    drcIndex: fc.constant(0x4000_0000),
    node: fc.constant({ id: 'dev09', busno: 0, devfn: 0x48 }),
  }),
  fc.record({ type: fc.constant('dlpar-remove-device'), drcIndex: fc.constant(0x4000_0000), device }),
  fc.record({ type: fc.constantFrom('vfio-take-ownership', 'vfio-release-ownership'), buid: phb }),
  fc.record({
    type: fc.constant('vfio-create-table'),
    buid: phb,
    num,
    pageShift: fc.constantFrom(12, 16).map(iommuPageShift),
    windowBytes: fc.constantFrom(0x8000n, 0x1_0000n, 0x4_0000n, 0x3000n).map(bytes),
    levels: fc.constantFrom(1, 2),
  }),
  fc.record({ type: fc.constant('vfio-set-window'), buid: phb, num, table: num }),
  fc.record({ type: fc.constant('vfio-unset-window'), buid: phb, num }),
  fc.record({ type: fc.constant('vfio-map'), buid: phb, num, ioba: page, gpa: page, bytes: size, direction }),
  fc.record({ type: fc.constant('vfio-unmap'), buid: phb, num, ioba: page, bytes: size }),
  fc.record({ type: fc.constant('kexec'), kdump: fc.boolean(), bootArgs }),
);

/** What happens next: a command, the answer to an open call, a step, or a reset. */
const move = fc.oneof(
  { weight: 16, arbitrary: fc.record({ do: fc.constant('command'), cpu: fc.nat(1), body }) },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('answer'),
      which: fc.nat(1),
      mood: fc.nat(19),
      words: fc.nat(7),
      times: fc.constantFrom(1, 1, 3, 12),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('step'), cpu: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'reset' as const }) },
);

const RTAS_MOODS = ['PARAM_ERROR', 'BUSY', 'HW_ERROR', 'EXTENDED_DELAY_1_MSEC'] as const;
const HCALL_MOODS = ['H_PARAMETER', 'H_NOT_ENOUGH_RESOURCES', 'H_PARAMETER', 'H_FUNCTION'] as const;

/** Where the chart is, as the context names it. */
function chartPlace(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, inner]] = Object.entries(value as object) as [[string, unknown]];
  return `${name}.${chartPlace(inner)}`;
}

/** The conditions that one message may lead to. A window without entries is filled as soon as it is there. */
function following(mode: GuestWindowMode): readonly GuestWindowMode[] {
  const next: readonly GuestWindowMode[] = Object.values(GUEST_WINDOW_LIFE[mode]);
  return mode === 'absent' ? [...next, ...Object.values(GUEST_WINDOW_LIFE.filling)] : next;
}

function playMoves(
  version: keyof typeof GUEST_VERSIONS,
  moves: readonly (typeof move extends fc.Arbitrary<infer M> ? M : never)[],
  bootArgs_: object,
  bootsFirst = true,
) {
  const guest = new Guest({ ...small, version: GUEST_VERSIONS[version] }, 2);
  const power = {
    ...powerOn(
      {
        memory,
        phbs: [smallPhb(0), smallPhb(1)],
        vio: [
          { id: 'vio0', dmaWindow: { liobn: liobn(0x7100_0002), start: ioba(0n), bytes: bytes(0x1_0000n) } },
        ],
      },
      bootArgs_,
    ),
    firmware: [{ liobn: liobn(0x8000_0000), ioba: ioba(0x1000n), tce: 3n }],
  } as GuestEvent;
  const visited = new Set<string>();
  const windows = new Map([0n, 1n, 2n].map((n) => [buid(BUID + n), 'absent' as GuestWindowMode]));
  const deliver = (event: GuestEvent) => {
    if (!guest.snapshot.can(event)) return;
    guest.deliver(event);
    for (const [cpu, { at }] of guest.kernel.vcpus.entries()) {
      visited.add(at);
      expect(chartPlace((guest.snapshot.value as Record<string, unknown>)[`vcpu${cpu}`])).toBe(at);
    }
    for (const [phb, before] of windows) {
      const now = guestWindowMode(guest.kernel, phb);
      if (now !== before) expect(following(before)).toContain(now);
      windows.set(phb, now);
    }
    for (const table of Object.values(guest.kernel.tables)) {
      expect(table.refs).toBeGreaterThan(0);
    }
  };
  deliver(power);
  if (bootsFirst) guest.settle();
  for (const next of moves) {
    switch (next.do) {
      case 'command':
        deliver(command(next.cpu, next.body) as unknown as GuestEvent);
        break;
      case 'step':
        deliver(command(next.cpu, { type: 'step' }) as unknown as GuestEvent);
        break;
      case 'reset':
        deliver({ type: 'machine-reset', from: 'environment', to: 'guest-kernel' });
        deliver(power);
        break;
      case 'answer': {
        const windows = [0, 1, 2, 1][next.words & 3]!;
        guest.answers = {
          hcall: () => {
            const status = next.mood < 4 ? HCALL_MOODS[next.mood]! : 'H_SUCCESS';
            return { status, tce: next.words > 5 ? 0x1003n : 0n };
          },
          rtas: (rtas) => {
            if (next.mood < 4) return { status: RTAS_MOODS[next.mood]! };
            if (rtas.type !== 'ibm,query-pe-dma-window') return undefined;
            return { status: 'SUCCESS', outputs: [windows, 0, next.words > 3 ? 0x2 : 0x40_0000, 0x3, 0] };
          },
        };
        for (let n = 0; n < next.times && guest.open.length > 0; n++) {
          const [call] = guest.open.splice(next.which % guest.open.length, 1);
          deliver(guest.answerTo(call!));
        }
      }
    }
  }
  return { guest, visited };
}

test.each(Object.keys(GUEST_VERSIONS) as (keyof typeof GUEST_VERSIONS)[])(
  '%s: whatever comes in whatever order, the chart is where the kernel is, and windows live as their table says',
  (version) => {
    fc.assert(
      fc.property(fc.array(move, { minLength: 50, maxLength: 250 }), bootArgs, (moves, args) => {
        const { guest } = playMoves(version, moves, args);
        expect(canonicalGuest(guest.kernel)).toBe(canonicalGuest(structuredClone(guest.kernel)));
      }),
      { numRuns: 15 },
    );
  },
  120_000,
);

test('in such runs two vCPUs meet at the mutex, windows are refused, and calls are cut short', () => {
  const moves = fc.sample(fc.tuple(fc.array(move, { minLength: 150, maxLength: 250 }), bootArgs), {
    numRuns: 40,
    seed: 7,
  });
  const visited = new Set(
    moves.flatMap(([steps, args]) => [...playMoves('linux-6.12', steps, args).visited]),
  );
  for (const at of [
    'probing.waitingForMutex.lock',
    'probing.mappingRam.hcall',
    'probing.cleaningFailedWindow.hcall',
    'creatingTable.clearingNewTable.hcall',
    'stopping.hcall',
  ]) {
    expect(visited).toContain(at);
  }
}, 120_000);
