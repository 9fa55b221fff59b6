import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bytes } from '@spapr-dma/protocol';
import {
  canonicalQemu,
  DEFAULT_VIOS,
  phbsMade,
  QEMU_7_2,
  type QemuSent,
  qemuMachine,
} from '@spapr-dma/qemu-spapr';
import { stepper } from '@spapr-dma/system';
import { describe, expect, test } from 'vitest';
import { EDU_DEVFN, eduId, type QemuCall, QemuSpecification, readQemuCalls } from '../src/index.ts';
import { answerIn, messageOf, type StepCall } from '../src/vectors/call-message.ts';
import { chunked } from './support/follow.ts';
import {
  addPci,
  addPhb,
  create,
  DYNAMIC,
  delPci,
  delPhb,
  dma,
  get,
  indirect,
  L0,
  L1,
  L3,
  MACHINE,
  MIGRATE,
  put,
  query,
  RCU,
  releasePhb,
  remove,
  rtas,
  SYSTEM_RESET,
  sensePhb,
  senseSlot,
  stuff,
  usePhb,
  VSCSI,
} from './support/qemu-calls.ts';

const done = { kind: 'monitor', error: null };
const refused = { kind: 'monitor', error: expect.any(String) };
const tce = (value: bigint) => ({ kind: 'hcall', rc: 0, tce: value });
const DYNAMIC_HIGH = 0x0800_0000;
const parameter = { kind: 'hcall', rc: -4, tce: null };
const rets = (...cells: readonly number[]) => ({ kind: 'rtas', rc: 0, rets: cells });

/** A machine after these calls. */
function after(...calls: readonly QemuCall[]): QemuSpecification {
  const specification = new QemuSpecification(MACHINE);
  for (const call of calls) specification.step(call);
  return specification;
}
const stateOf = (specification: QemuSpecification) => canonicalQemu(specification.state);

test('the way past the chart, for hypercalls and transfers, is the way through it', async () => {
  const file = new URL('../../../vectors/qemu-7.2/qemu-7.2-random-1.jsonl.gz', import.meta.url);
  const { machine, calls } = await readQemuCalls(chunked(gunzipSync(readFileSync(file))));
  const chart = stepper<typeof qemuMachine, QemuSent>(qemuMachine);
  const pci = machine.phbs.map(({ index }) => ({
    driver: 'pci' as const,
    id: eduId(index),
    phb: index,
    devfn: EDU_DEVFN,
  }));
  const devices = [...machine.phbs, ...DEFAULT_VIOS, ...pci];
  let at = chart.initial({ config: QEMU_7_2, devices }).snapshot;
  at = chart.step(at, { type: 'system_reset', from: 'environment', to: 'qemu-spapr' }).snapshot;
  const specification = new QemuSpecification(machine);
  const transfers = [0n, 0x1ff0n, 0x3fff_fff0n].map((address) => dma('dma-read', address, 0xfff));
  for (const call of [...calls.slice(0, 5000).map((line) => line.call), ...transfers]) {
    const { snapshot, sent } = chart.step(at, messageOf(call as StepCall));
    at = snapshot;
    expect(specification.step(call)).toEqual(answerIn(call as StepCall, sent));
  }
  expect(stateOf(specification)).toEqual(canonicalQemu(at.context));
});

describe('a prediction', () => {
  const calls = [
    put(L0, 0n, 7n),
    stuff(L0, 0n, 1n, 9n),
    indirect(L0, 0n, [5n, 6n]),
    create(16, 30),
    SYSTEM_RESET,
    addPhb(3),
    delPhb(1),
    MIGRATE,
    dma('dma-write', 0n, 100),
    create(12, 44),
  ];
  test.each(calls.map((call, n) => ({ call, op: call.op, n })))(
    '$n $op leaves the machine as it is',
    ({ call }) => {
      const specification = after(put(L0, 0x1000n, 3n), remove(L0), create(12, 44));
      const before = stateOf(specification);
      const predicted = specification.predict(call);
      expect(stateOf(specification)).toEqual(before);
      expect(specification.isAborted).toBe(false);
      expect(specification.step({ ...call })).toEqual(predicted);
    },
  );

  test('is the answer of the step that follows, which is made once', () => {
    const specification = after();
    const call = put(L0, 0x1000n, 3n);
    const predicted = specification.predict(call);
    expect(specification.predict(call)).toBe(predicted);
    expect(specification.step(call)).toBe(predicted);
  });

  test('is forgotten when another call comes between', () => {
    const specification = after();
    const call = get(L0, 0x1000n);
    expect(specification.predict(call)).toEqual(tce(0n));
    specification.step(put(L0, 0x1000n, 3n));
    expect(specification.step(call)).toEqual(tce(3n));
  });
});

test('a fork and its origin go on apart', () => {
  const origin = after(put(L0, 0x1000n, 3n));
  const fork = origin.fork();
  expect(stateOf(fork)).toEqual(stateOf(origin));
  fork.step(put(L0, 0x1000n, 5n));
  origin.step(create(16, 30));
  expect(origin.step(get(L0, 0x1000n))).toEqual(tce(3n));
  expect(fork.step(get(L0, 0x1000n))).toEqual(tce(5n));
  expect(fork.step(get(L1, DYNAMIC))).toEqual(parameter);
});

test('a fork keeps the switches, and that QEMU is gone', () => {
  const gone = after(create(12, 44), create(12, 20));
  expect(gone.fork().isAborted).toBe(true);
  expect(gone.fork().step(get(L0, 0n)).kind).toBe('abort');
  const fixed = new QemuSpecification(MACHINE, { nbTruncation: 'fixed' }).fork();
  const refusal = rets(-3, 0xdead_beef, 0xdead_beef, 0xdead_beef);
  expect(fixed.step(create(12, 44))).toEqual(refusal);
  expect(fixed.step(MIGRATE)).toEqual(done);
  expect(fixed.step(create(12, 44))).toEqual(refusal);
});

test('a QEMU that aborted answers all with that, and keeps what it knew', () => {
  const specification = after(create(12, 44));
  expect(specification.isAborted).toBe(false);
  const abort = specification.step(create(12, 20));
  expect(abort).toEqual({ kind: 'abort', text: expect.stringContaining('subregion') });
  expect(specification.isAborted).toBe(true);
  const before = stateOf(specification);
  for (const call of [get(L0, 0n), put(L0, 0n, 1n), SYSTEM_RESET, MIGRATE, query(), dma('dma-read', 0n, 1)]) {
    expect(specification.step(call)).toEqual(abort);
    expect(specification.predict(call)).toEqual(abort);
  }
  expect(stateOf(specification)).toEqual(before);
});

test('a machine that cannot start says why', () => {
  const twice = { ...MACHINE, phbs: [...MACHINE.phbs, ...MACHINE.phbs.slice(0, 1)] };
  expect(() => new QemuSpecification(twice)).toThrow('PHB 0 is there already');
});

test('the machine version gives what a PHB leaves out', () => {
  const old = new QemuSpecification({ ...MACHINE, machine: 'pseries-4.1' });
  expect(old.step(query())).toEqual(rets(0, 1, 0x8000_0000, 0x3, 0));
  expect(after().step(query())).toEqual(rets(0, 1, 0x8000_0000, 0x107, 0));
  const none = new QemuSpecification({ ...MACHINE, machine: 'pseries-2.6' });
  expect(none.step(query())).toMatchObject({ rets: [-3, ...Array<number>(4).fill(0xdead_beef)] });
});

describe('a device', () => {
  test('sits behind each PHB of the first line', () => {
    for (const index of [0, 1, 2]) expect(after().step(senseSlot(index, EDU_DEVFN))).toEqual(rets(0, 1));
    expect(after().step(delPci(eduId(1)))).toEqual(done);
    expect(after().step(addPci('other', 1, EDU_DEVFN))).toEqual(refused);
  });

  test('moves bytes by the entries of its PHB', () => {
    const specification = after(put(L0, 0x1000n, 0x10_0003n), put(L0, 0x2000n, 0x20_0001n));
    const ram = (at: bigint, count: number, where: bigint) => ({
      ioba: at,
      bytes: count,
      gpa: where,
      outcome: 'ram',
    });
    expect(specification.step(dma('dma-write', 0x1ffcn, 8))).toEqual({
      kind: 'dma',
      pieces: [ram(0x1ffcn, 4, 0x10_0ffcn), { ioba: 0x2000n, bytes: 4, gpa: null, outcome: 'dropped' }],
    });
    expect(specification.step(dma('dma-read', 0x1ffcn, 8))).toEqual({
      kind: 'dma',
      pieces: [ram(0x1ffcn, 4, 0x10_0ffcn), ram(0x2000n, 4, 0x20_0000n)],
    });
  });

  test('that is not there moves nothing', () => {
    const specification = after(addPhb(3));
    expect(specification.step(dma('dma-read', 0n, 8, 3))).toEqual({ kind: 'dma', pieces: [] });
    specification.step(addPci('hp0', 3));
    expect(specification.step(dma('dma-read', 0n, 8, 3))).not.toEqual({ kind: 'dma', pieces: [] });
  });
});

test('a function that was plugged moves nothing before function 0 of its slot is there, or it is on a command line', () => {
  const nothing = { kind: 'dma', pieces: [] };
  const read = dma('dma-read', 0n, 8, 3);
  const specification = after(addPhb(3), ...usePhb(3), addPci('f1', 3, 9));
  expect(specification.step(read)).toEqual(nothing);
  expect(specification.step(addPci('f1', 3, 16))).toEqual(refused);
  const migrated = specification.fork();
  migrated.step(MIGRATE);
  expect(migrated.step({ ...read })).not.toEqual(nothing);
  specification.step(addPci('f0', 3, 8));
  expect(specification.step({ ...read })).not.toEqual(nothing);
});

describe('a migration', () => {
  const plugged = [addPhb(3, { dmaWinSize: bytes(0x10_0000n) }), ...usePhb(3), addPci('hp0', 3)] as const;

  test('takes windows, entries, bypass, plugged PHBs and devices along', () => {
    const calls = [
      ...plugged,
      create(16, 30),
      put(L1, DYNAMIC, 7n),
      put(L0, 0x1000n, 0x10_0003n),
      put(L3, 0x1000n, 0x20_0003n),
      put(BigInt(VSCSI), 0n, 9n),
    ];
    const source = after(...calls);
    const destination = after(...calls);
    expect(destination.step(MIGRATE)).toEqual(done);
    expect(stateOf(destination)).toEqual(stateOf(source));
    expect(destination.step(dma('dma-read', 0x1000n, 4, 3))).toMatchObject({ pieces: [{ gpa: 0x20_0000n }] });
  });

  test('takes the condition of the connectors along', () => {
    const half = after(addPhb(3), ...usePhb(3).slice(0, 1), MIGRATE);
    expect(half.step(rtas('ibm,configure-connector', [0x2000_0003, 0]))).toEqual(rets(-9003));
    const asked = after(...plugged.slice(0, 4), delPhb(3), MIGRATE);
    for (const call of releasePhb(3)) expect(asked.step(call)).toEqual(rets(0));
    expect(asked.step(sensePhb(3))).toEqual(rets(0, 2));
  });

  test('leaves out what was unplugged', () => {
    const specification = after(delPci(eduId(1)), rtas('set-indicator', [9001, 0x4001_0018, 0]), MIGRATE);
    expect(specification.step(senseSlot(1, EDU_DEVFN))).toEqual(rets(0, 0));
    expect(specification.step(dma('dma-read', 0n, 8, 1))).toEqual({ kind: 'dma', pieces: [] });
  });

  test('is refused after a PHB was unplugged that was not made last, and the first machine goes on', () => {
    const specification = after(
      addPhb(9),
      ...usePhb(9),
      addPhb(3),
      put(L3, 0n, 5n),
      delPhb(9),
      ...releasePhb(9),
      RCU,
    );
    expect(specification.step(MIGRATE)).toEqual(refused);
    expect(specification.step(get(L3, 0n))).toEqual(tce(5n));
    for (const call of [delPhb(3), RCU]) specification.step(call);
    expect(specification.step(MIGRATE)).toEqual(done);
  });

  test('keeps the order in which PHBs were made', () => {
    const specification = after(addPhb(9), addPhb(3), MIGRATE, addPhb(7), MIGRATE);
    const made = phbsMade(specification.state).map(({ properties }) => properties.index);
    expect(made).toEqual([0, 1, 2, 9, 3, 7]);
    expect(specification.step(MIGRATE)).toEqual(done);
  });

  test('that finds no place for a table is refused, and the first machine goes on', () => {
    const specification = after(...plugged.slice(0, 4), delPhb(3), ...releasePhb(3), put(L3, 0n, 5n));
    expect(specification.step(MIGRATE)).toEqual(refused);
    expect(specification.step(get(L3, 0n))).toEqual(tce(5n));
    specification.step(RCU);
    expect(specification.step(get(L3, 0n))).toEqual(parameter);
    expect(specification.step(MIGRATE)).toEqual(done);
  });

  test('heals a slot that is stuck', () => {
    const specification = after(create(12, 44), MIGRATE);
    expect(specification.step(create(12, 20))).toMatchObject({ rets: [0, Number(L1), DYNAMIC_HIGH, 0] });
  });
});
