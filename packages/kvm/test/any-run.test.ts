import { bytes, gpa, liobn, tceIndex, threadId } from '@spapr-dma/protocol';
import { canonicalTces, tceAt } from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalKvm, KVM_VERSIONS, type KvmSwitches, type KvmVersionName } from '../src/index.ts';
import { SEAM_GAP } from './fake-host.ts';
import { configOf, LIOBN, RAM_HPA, RAM_UA, Rig } from './rig.ts';
import { ua } from './units.ts';

const versions = Object.keys(KVM_VERSIONS).filter(
  (name) => KVM_VERSIONS[name as KvmVersionName].features.spaprTceVfio,
);
const version = fc.constantFrom(...(versions as KvmVersionName[]));
const either = fc.constantFrom('unfixed' as const, 'fixed' as const);
const switches: fc.Arbitrary<Partial<KvmSwitches>> = fc.record(
  {
    indirectZeroPerm: either,
    clearTceDec: either,
    clearTceIndex: fc.constantFrom('guestIdx', 'hwIdx'),
    kvmErrors: fc.constantFrom('swallow', 'tooHard'),
    indirect: fc.constantFrom('onePass', 'twoPass'),
    rangeCheck: fc.constant('full'),
    realMode: fc.constantFrom('on', 'off'),
    viewAllocFailure: fc.constantFrom('silent', 'tooHard'),
  },
  { requiredKeys: ['rangeCheck'] },
);
/** Pages of 4K: 0 to 7 and 12 to 15 are registered, in two regions; 16 and more are no memory. */
const page = fc.nat(17);
const tce = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(page, fc.nat(3)).map(([n, perm]) => BigInt(n) * 0x1000n + BigInt(perm)) },
  fc.constant(0x1803n),
  fc.constant(0n),
);
/** The first region is in two pieces in host memory. */
const SEAM = 0x3000n;
const hpaOf = (at: bigint): bigint => RAM_HPA + at + (at >= SEAM && at < 0x8000n ? SEAM_GAP : 0n);
/** Lists in which rows occur. */
const list = fc.oneof(
  fc.array(tce, { maxLength: 5 }),
  fc
    .tuple(page, fc.nat(3), fc.integer({ min: 1, max: 6 }))
    .map(([first, perm, count]) =>
      Array.from({ length: count }, (_, i) => BigInt(first + i) * 0x1000n + BigInt(perm)),
    ),
);
const entry = fc.oneof(fc.nat(2), fc.nat(8)).map((n) => BigInt(n) * 0x1000n);
const spoil = fc.record({
  do: fc.constant('spoil' as const),
  what: fc.constantFrom('xchg', 'alloc', 'missing', 'untranslatable', 'released', 'slot', 'page', 'mend'),
  n: fc.nat(31),
});
const move = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), ioba: entry, tce }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('indirect' as const), ioba: entry, list }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('stuff' as const),
      ioba: entry,
      npages: fc.nat(8).map(BigInt),
      value: fc.constantFrom(0n, 0n, 0xabc0n, 1n),
    }),
  },
  { weight: 3, arbitrary: spoil },
);
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never;

interface Setting {
  readonly version: KvmVersionName;
  readonly switches: Partial<KvmSwitches>;
  readonly coarse: boolean;
  readonly second: boolean;
}
const setting: fc.Arbitrary<Setting> = fc.record({
  version,
  switches,
  coarse: fc.boolean(),
  second: fc.boolean(),
});

/** A window of 8 entries, each one or two hardware pages, with one hardware table or two behind it. */
function prepared({ version: name, switches: some, coarse, second }: Setting, entriesAtOnce: number): Rig {
  const exact = KVM_VERSIONS[name].switches.sizeMatch === 'exact';
  const rig = new Rig(configOf(name, some, { entriesAtOnce }));
  const slot = (n: number, at: bigint, size: bigint) =>
    rig.value({
      type: 'KVM_SET_USER_MEMORY_REGION',
      slot: n,
      gpa: gpa(at),
      bytes: bytes(size),
      ua: ua(RAM_UA + at),
    });
  slot(0, 0n, 0x10000n);
  rig.enableMultiTce();
  rig.host.region(RAM_UA, 0x8000n, RAM_HPA, 16, SEAM);
  rig.host.region(RAM_UA + 0xc000n, 0x4000n, RAM_HPA + 0xc000n);
  const shift = coarse && !exact ? 11 : 12;
  const fd = rig.create(12, 0n, 8n);
  for (const id of second ? [1, 2] : [1]) {
    const table = rig.host.table(id, shift, 0n, 8 * 2 ** (12 - shift));
    table.missing.add(0);
    rig.group(6 + id, [id, null]);
    expect(rig.attach(fd, 6 + id)).toBe('OK');
  }
  return rig;
}

function spoilHost(rig: Rig, { what, n }: { what: string; n: number }): void {
  const { host } = rig;
  const table = host.tables.get(1)!;
  if (what === 'xchg') host.xchgFails.add(n % 16);
  if (what === 'alloc') host.allocFails.add(n % 4);
  if (what === 'missing') table.missing.add(n % 4);
  if (what === 'untranslatable') host.untranslatable.add(n % 2);
  if (what === 'released') host.released.add(n % 2);
  if (what === 'slot') table.slots.delete(n % 16);
  if (what === 'page') {
    const thread = threadId('main');
    rig.say({ type: 'fail-next', from: 'environment', to: 'kvm', thread, call: 'kvm_spapr_get_tce_page' });
  }
  if (what === 'mend')
    for (const set of [host.xchgFails, host.allocFails, host.untranslatable, host.released]) set.clear();
}

function play(rig: Rig, moves: readonly Move[]): readonly string[] {
  return moves.map((one) => {
    if (one.do === 'put') return rig.put(one.ioba, one.tce);
    if (one.do === 'indirect') return rig.indirect(one.ioba, one.list);
    if (one.do === 'stuff') return rig.stuff(one.ioba, one.npages, one.value);
    spoilHost(rig, one);
    return 'spoilt';
  });
}

test('entry by entry and as many at once as there are: the same answers, and the same tables', () => {
  fc.assert(
    fc.property(setting, fc.array(move, { maxLength: 12 }), (chosen, moves) => {
      const ends = [1, 3, Number.MAX_SAFE_INTEGER].map((entriesAtOnce) => {
        const rig = prepared(chosen, entriesAtOnce);
        const answers = play(rig, moves);
        const { config: _, ...state } = canonicalKvm(rig.kvm) as { config: unknown };
        // A row finds all of its slots first: where one of its entries fails, empty levels are left behind it.
        const fails = moves.some((one) => one.do === 'spoil' && one.what === 'xchg');
        if (fails) rig.host.tables.get(1)!.missing.clear();
        return { answers, state, host: rig.host.state(), kills: rig.costs('kill') };
      });
      expect(ends).toEqual([ends[0], ends[0], ends[0]]);
    }),
    { numRuns: 80 },
  );
});

test('a clear passes over an entry that cannot be exchanged, however many are exchanged at once', () => {
  for (const entriesAtOnce of [1, Number.MAX_SAFE_INTEGER]) {
    const rig = prepared({ version: 'linux-6.1', switches: {}, coarse: true, second: false }, entriesAtOnce);
    rig.put(0n, 1n);
    rig.host.xchgFails.add(0);
    rig.put(0n, 0n);
    expect([...rig.host.tables.get(1)!.entries.keys()]).toEqual([0]);
  }
});

test('the guest view is what a plain list of entries is, as long as nothing fails', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 20 }), (moves) => {
      const rig = new Rig();
      rig.memory(0x10000n);
      rig.enableMultiTce();
      rig.create(12, 0n, 8n);
      const plain = new Array<bigint>(8).fill(0n);
      for (const one of moves) {
        if (one.do === 'spoil') continue;
        const [answer] = play(rig, [one]);
        // What precedes an entry without permissions and without memory stays, though the call is refused.
        const isPartial = one.do === 'indirect' && answer === 'H_PARAMETER' && one.ioba < 0x8000n;
        if (answer !== 'H_SUCCESS' && !isPartial) continue;
        const first = Number(one.ioba >> 12n);
        if (one.do === 'put') plain[first] = one.tce;
        if (one.do === 'indirect') {
          const stop = one.list.findIndex((value) => value >= 0x10000n);
          const stored = isPartial ? one.list.slice(0, stop) : one.list;
          for (const [i, value] of stored.entries()) if (first + i < 8) plain[first + i] = value;
        }
        if (one.do === 'stuff') plain.fill(one.value, first, Math.min(8, first + Number(one.npages)));
      }
      const { view } = rig.kvm.tables[0]!;
      expect(plain.map((_, index) => tceAt(view, tceIndex(index)))).toEqual(plain);
    }),
    { numRuns: 100 },
  );
});

test('without failures the hardware holds what the guest view says, and regions are counted exactly', () => {
  const good = move.filter((one) => one.do !== 'spoil');
  const fixed: Setting['switches'] = { rangeCheck: 'full', indirectZeroPerm: 'fixed' };
  fc.assert(
    fc.property(fc.boolean(), fc.array(good, { maxLength: 20 }), (second, moves) => {
      const rig = prepared(
        { version: 'linux-6.12', switches: fixed, coarse: false, second },
        Number.MAX_SAFE_INTEGER,
      );
      // What KVM leaves to QEMU changes neither table here.
      play(rig, moves);
      const { view } = rig.kvm.tables[0]!;
      for (const { entries } of rig.host.tables.values()) {
        for (let index = 0; index < 8; index += 1) {
          const value = tceAt(view, tceIndex(index));
          const expected =
            (value & 3n) === 0n ? undefined : { hpa: hpaOf(value & ~0xfffn), perm: Number(value & 3n) };
          expect(entries.get(index)).toEqual(expected);
        }
      }
      const valid = [...rig.host.tables.values()].reduce((sum, { entries }) => sum + entries.size, 0);
      expect(rig.host.regions.reduce((sum, { mapped }) => sum + mapped - 1, 0)).toBe(valid);
    }),
    { numRuns: 60 },
  );
});

/** Where the chart is, as the context names it. */
function chartPlace(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, inner]] = Object.entries(value as object) as [[string, unknown]];
  return `${name}.${chartPlace(inner)}`;
}

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      n: fc.nat(7),
      times: fc.constantFrom(1, 2, 6, 20),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('call' as const), cpu: fc.nat(1), move }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('qemu' as const),
      what: fc.constantFrom(
        'create',
        'attach',
        'attach2',
        'del',
        'add',
        'close',
        'pause',
        'resume',
        'load',
        'exit',
      ),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'rcu' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('return' as const), cpu: fc.nat(1) }) },
);

test('any interleaving of vCPUs, QEMU and RCU: the chart is where the context says, and all comes to rest', () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(
      setting,
      fc.constantFrom(1, 2),
      fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }),
      (chosen, ioctls, steps) => {
        const rig = prepared(chosen, 1);
        const both = new Rig(rig.kvm.config, { ioctls });
        Object.assign(both.host, rig.host);
        const consistent = () => {
          const value = both.snapshot.value as Record<string, unknown>;
          const { vcpus, ioctls: tasks, rcu } = both.kvm;
          const places = [...vcpus.map(({ at }) => at), ...tasks.map(({ at }) => at), rcu.at];
          const names = ['vcpu0', 'vcpu1', ...tasks.map((_, n) => (n === 0 ? 'ioctl' : `ioctl${n}`)), 'rcu'];
          expect(names.map((name) => chartPlace(value[name]))).toEqual(places);
          for (const place of places) reached.add(place);
        };
        const tryTo = (event: Parameters<Rig['say']>[0]) => {
          if (both.can(event)) both.say(event);
          consistent();
        };
        const qemu = { from: 'qemu-spapr', to: 'kvm' } as const;
        let threads = 0;
        both.memory(0x10000n);
        both.enableMultiTce();
        const first = both.create(12, 0n, 8n);
        both.group(7, [1, chosen.second ? 2 : null]);
        expect(both.attach(first, 7)).toBe('OK');
        for (const one of steps) {
          threads += 1;
          const thread = threadId(`q${threads}`);
          const tableFd = both.kvm.tables[0]?.fd ?? 1000;
          if (one.do === 'answer') {
            for (let i = 0; i < one.times; i += 1) {
              const question = both.open[one.n % Math.max(1, both.open.length)];
              if (question !== undefined) both.answer(question.thread);
              consistent();
            }
          } else if (one.do === 'rcu') tryTo(both.rcuStep());
          else if (one.do === 'return') {
            if (both.kvm.vcpus[one.cpu]!.at !== 'inUserspace') continue;
            const call = { call: 'H_PUT_TCE', status: 'H_SUCCESS', tce: null } as const;
            tryTo({ type: 'hcall-return', ...qemu, thread: threadId(`vcpu${one.cpu}`), ...call });
          } else if (one.do === 'call') {
            const guest = {
              from: 'guest-kernel',
              to: 'kvm',
              thread: threadId(`vcpu${one.cpu}`),
              liobn: BigInt(LIOBN),
            } as const;
            const { move: m } = one;
            if (m.do === 'put') tryTo({ type: 'H_PUT_TCE', ioba: m.ioba, tce: m.tce, ...guest });
            if (m.do === 'indirect') {
              const npages = BigInt(m.list.length);
              tryTo({
                type: 'H_PUT_TCE_INDIRECT',
                ioba: m.ioba,
                tceList: 0n,
                npages,
                tces: m.list,
                ...guest,
              });
            }
            if (m.do === 'stuff')
              tryTo({ type: 'H_STUFF_TCE', ioba: m.ioba, npages: m.npages, tceValue: m.value, ...guest });
            if (m.do === 'spoil') spoilHost(both, m);
          } else {
            const group = { groupFd: 7, ...qemu, thread };
            if (one.what === 'create') {
              const geometry = { pageShift: 12 as never, flags: 0, offset: 0n, size: 8n };
              tryTo({ type: 'KVM_CREATE_SPAPR_TCE_64', liobn: liobn(LIOBN), ...geometry, ...qemu, thread });
            }
            if (one.what === 'add') tryTo({ type: 'KVM_DEV_VFIO_GROUP_ADD', ...group });
            if (one.what === 'del') tryTo({ type: 'KVM_DEV_VFIO_GROUP_DEL', ...group });
            if (one.what === 'attach') tryTo({ type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', tableFd, ...group });
            if (one.what === 'attach2')
              tryTo({ type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', ...group, tableFd: 5 });
            if (one.what === 'close') tryTo({ type: 'close', fd: tableFd, ...qemu, thread });
            if (one.what === 'pause' && both.kvm.holds === 0)
              tryTo({ type: 'pause_all_vcpus', ...qemu, thread });
            if (one.what === 'resume') tryTo({ type: 'resume_all_vcpus', ...qemu, thread });
            if (one.what === 'load') {
              const found = both.kvm.tables.some(({ mode }) => mode === 'PRESENT');
              if (found) tryTo({ type: 'view_bulk_load', liobn: liobn(LIOBN), ...qemu, thread });
            }
            if (one.what === 'exit') tryTo({ type: 'exit', from: 'environment', to: 'kvm', thread });
          }
        }
        both.settle();
        consistent();
        expect(both.kvm.vcpus.every(({ at }) => at === 'inGuest' || at === 'inUserspace')).toBe(true);
        tryTo({ type: 'exit', from: 'environment', to: 'kvm', thread: threadId('end') });
        both.settle();
        both.grace();
        expect(both.kvm.tables).toEqual([]);
        expect(both.kvm.rcu.at).toBe('quiet');
      },
    ),
    { numRuns: 60 },
  );
  const seldom = [
    'attaching.takingTable',
    'dropping.emptying',
    'clearing.exchanging',
    'freeing.puttingTable',
  ];
  expect([...reached]).toEqual(expect.arrayContaining(seldom));
});

test('a bulk read tells the whole view', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0n, 0x1003n, 0x2003n, 0x3003n, 0x4003n), { maxLength: 40 }),
      (values) => {
        const rig = new Rig();
        rig.create(12, 0n, 64n);
        const from = { from: 'qemu-spapr', to: 'kvm', thread: threadId('main') } as const;
        const qemu = { ...from, liobn: liobn(LIOBN) };
        for (const [i, value] of values.entries()) {
          rig.say({ type: 'view_store', index: tceIndex(i), count: 1, tce: value, ...qemu });
        }
        rig.say({ type: 'view_bulk_load', ...qemu });
        const answer = rig.sent.at(-1);
        const told = new Array<bigint>(values.length).fill(0n);
        if (answer?.type === 'view-return') {
          for (const { index, count, tce: value, stride } of answer.runs) {
            for (let i = 0; i < count; i += 1) told[index + i] = value + BigInt(i) * stride;
          }
        }
        expect(told).toEqual(values);
        expect(canonicalTces(rig.kvm.tables[0]!.pages).runs).toEqual([[0, 1, '0x1']]);
      },
    ),
    { numRuns: 60 },
  );
});
