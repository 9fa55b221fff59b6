import type { IbmCreatePeDmaWindow } from '@spapr-dma/protocol';
import { bytes, ioba } from '@spapr-dma/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalQemu, type QemuConfig, type QemuInput, type QemuReceived } from '../src/index.ts';
import {
  configured,
  create,
  DYNAMIC,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  dma,
  get,
  hcall,
  hcallAnswer,
  indirect,
  L0,
  L1,
  migrate,
  migrateIncoming,
  monitorAnswer,
  put,
  type Qemu,
  query,
  register,
  remove,
  reset,
  rtas,
  running,
  type Stepped,
  send,
  statusOf,
  step,
  stuff,
  systemReset,
  unregister,
} from './machine.ts';

const U64_MAX = (1n << 64n) - 1n;
const key = (qemu: Qemu) => JSON.stringify([qemu.value, canonicalQemu(qemu.context)]);

/** Any 64-bit register, the telling ones more often. */
const some64 = fc.oneof(
  fc.bigInt({ min: 0n, max: U64_MAX }),
  fc.constantFrom(
    0n,
    1n,
    512n,
    513n,
    0xfffn,
    1n << 31n,
    1n << 32n,
    1n << 63n,
    U64_MAX,
    DYNAMIC,
    0x3fff_f000n,
  ),
);
const someLiobn = fc.oneof(fc.constantFrom(BigInt(L0), BigInt(L1), 0x8000_1c00n, 0x7100_0001n), some64);
const someIoba = fc.oneof(
  fc.bigInt({ min: 0n, max: 0x2_0000n }),
  fc.bigInt({ min: 0x3fff_0000n, max: 0x4000_ffffn }),
  fc.bigInt({ min: DYNAMIC, max: DYNAMIC + 0x2_0000n }),
  some64,
);
const someTce = fc.oneof(fc.constantFrom(0n, 0x5003n, 0x10_0001n, U64_MAX), some64);
const someList = fc.array(someTce, { maxLength: 6 });
const someCells = (least: number) =>
  fc.array(
    fc.oneof(fc.constantFrom(0, 1, 9001, 9003, L0, L1, 0x2000_0000, 0x0800_0000), fc.nat(0xffff_ffff)),
    { minLength: least, maxLength: 6 },
  );
const someShift = fc.oneof(fc.constantFrom(12, 16, 21, 24, 76), fc.nat(140));

const someHcall: fc.Arbitrary<QemuReceived> = fc.oneof(
  fc.tuple(someLiobn, someIoba, someTce).map(([l, at, tce]) => put(l, at, tce)),
  fc.tuple(someLiobn, someIoba).map(([l, at]) => get(l, at)),
  fc
    .tuple(someLiobn, someIoba, someTce, fc.oneof(fc.bigInt({ min: 0n, max: 0x1_0000n }), some64))
    .map(([l, at, tce, n]) => stuff(l, at, tce, n)),
  fc
    .tuple(someLiobn, someIoba, someList, fc.oneof(fc.bigInt({ min: 0n, max: 8n }), some64), some64)
    .map(([l, at, tces, npages, odd]) =>
      indirect(l, at, tces, { npages, tceList: odd % 4n === 0n ? odd : 0x40_0000n }),
    ),
  fc
    .tuple(some64, some64, some64)
    .map(([unit, queue, length]) => hcall({ type: 'H_REG_CRQ', unit, queue, length })),
  some64.map((unit) => hcall({ type: 'H_FREE_CRQ', unit })),
  some64.map((opcode) => hcall({ type: 'hcall', opcode })),
);

const names = [
  'ibm,query-pe-dma-window',
  'ibm,create-pe-dma-window',
  'ibm,remove-pe-dma-window',
  'ibm,reset-pe-dma-window',
  'ibm,set-tce-bypass',
  'quiesce',
  'set-indicator',
  'get-sensor-state',
  'ibm,configure-connector',
  'rtas',
] as const;
const someRtas: fc.Arbitrary<QemuReceived> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...names), someCells(0), fc.nat(7))
    .map(([name, args, nret]) => rtas(name, args, nret)),
  fc.tuple(someShift, fc.nat(8)).map(([shift, bits]) => create(shift, shift + bits)),
  fc.tuple(someShift, someShift).map(([shift, window]) => create(shift, window)),
  fc.constantFrom(query(), query(0, 6), remove(L0), remove(L1), reset(), create(16, 20), create(16, 48)),
);
const phb1 = { driver: 'spapr-pci-host-bridge', index: 1 } as const;
const someOther: fc.Arbitrary<QemuReceived> = fc.oneof(
  fc.constantFrom(
    systemReset,
    deviceAdd(phb1),
    deviceAdd({ driver: 'pci', id: 'a', phb: 1, devfn: 8 }),
    devicePciDel('a'),
    devicePhbDel(1),
    register(),
    unregister(),
    step(),
  ),
  fc
    .tuple(fc.constantFrom('read' as const, 'write' as const), someIoba, fc.nat(0x3000))
    .map(([access, at, count]) => dma(access, at, count)),
);
const someCall = fc.oneof(someHcall, someRtas);
const someMessage = fc.oneof({ weight: 4, arbitrary: someCall }, { weight: 1, arbitrary: someOther });

const someConfig: fc.Arbitrary<QemuConfig> = fc
  .record({
    defWinClear: fc.constantFrom('unfixed' as const, 'fixed' as const),
    createAddrCheck: fc.constantFrom('unfixed' as const, 'fixed' as const),
    nbTruncation: fc.constantFrom('unfixed' as const, 'fixed' as const),
    shiftCheck: fc.constantFrom('unfixed' as const, 'fixed' as const),
    replayPolicy: fc.constantFrom('always' as const, 'skipOnCreate' as const),
  })
  .map((switches) => configured(switches));
const vscsi = { driver: 'spapr-vscsi', reg: 0x7100_0001, rtceWindowBytes: bytes(0x10_0000n) } as const;
/** Machines with small default windows, so that a STUFF of all of them is soon done with notifiers too. */
const someInput: fc.Arbitrary<QemuInput> = fc
  .record({
    config: someConfig,
    pgsz: fc.constantFrom(0x121_1000n, 0x1000n, U64_MAX),
    start: fc.constantFrom(0n, 0x1800n, 0xffff_ffff_ffff_0000n),
    dynamic: fc.constantFrom(DYNAMIC, 0x2000n, 0xffff_ffff_ffff_0000n),
    index: fc.constantFrom(0, 28),
  })
  .map(({ config, pgsz, start, dynamic, index }) => ({
    config,
    devices: [
      {
        driver: 'spapr-pci-host-bridge',
        index,
        pgsz,
        dmaWinAddr: ioba(start),
        dmaWinSize: bytes(0x1_0000n),
        dma64WinAddr: ioba(dynamic),
      },
      vscsi,
    ],
  }));

/** Every condition on the way, the first one included; messages that the mode does not take are left out. */
function walk(
  input: QemuInput,
  messages: readonly QemuReceived[],
  visit: (before: Qemu, message: QemuReceived, stepped: Stepped) => void,
) {
  let qemu = running(input);
  for (const message of messages) {
    if (!qemu.can(message)) continue;
    // A window of billions of entries that somebody listens to says as many messages; the real one stalls there.
    const listened = qemu.context.phbs.some(({ notifiers }) => notifiers > 0);
    if (listened && (message.type === 'H_STUFF_TCE' || isLarge(message))) continue;
    const stepped = send(qemu, message);
    visit(qemu, message, stepped);
    qemu = stepped.qemu;
  }
  return qemu;
}
const isLarge = (message: QemuReceived): boolean =>
  message.type === 'ibm,create-pe-dma-window' &&
  ((((message as IbmCreatePeDmaWindow).args[4] ?? 0) - ((message as IbmCreatePeDmaWindow).args[3] ?? 0)) &
    63) >
    12;

describe('any calls with any arguments, in any state', () => {
  test('never throw; each call gets one answer, unless it ends QEMU or waits for notifiers', () => {
    fc.assert(
      fc.property(someInput, fc.array(someMessage, { maxLength: 25 }), (input, messages) => {
        walk(input, messages, (_, message, { qemu, sent }) => {
          expect(qemu.status).toBe('active');
          const answers = sent.filter(({ type }) => type === 'hcall-return' || type === 'rtas-return').length;
          const ended = qemu.value === 'aborted' || qemu.context.task !== null;
          const isCall = 'from' in message && message.from === 'guest-kernel';
          if (isCall) expect(answers).toBe(ended ? 0 : 1);
          expect(sent.some(({ type }) => type === 'qemu-aborted')).toBe(qemu.value === 'aborted');
        });
      }),
      { numRuns: 300 },
    );
  });

  test('that are refused outright leave the very same state; the others say what they wrote', () => {
    fc.assert(
      fc.property(someInput, fc.array(someMessage, { maxLength: 25 }), (input, messages) => {
        walk(input, messages, (before, message, { qemu, sent }) => {
          const refused = sent.some(
            (answer) =>
              (answer.type === 'hcall-return' && answer.status !== 'H_SUCCESS') ||
              (answer.type === 'rtas-return' && answer.status !== 'SUCCESS') ||
              (answer.type === 'monitor-return' && !answer.ok),
          );
          if (!refused) return;
          // Two refusals leave something behind: a loop that ran into the end, and a window of 0 entries.
          const partial = sent.some((each) => each.type === 'cost' || each.type === 'iommu-notify');
          const isIndirect = message.type === 'H_PUT_TCE_INDIRECT' && qemu.context !== before.context;
          const isStuck = sent.some(
            (each) => each.type === 'trace' && each.line.event === 'spapr_iommu_new_table',
          );
          if (!(partial || isIndirect || isStuck)) expect(qemu.context).toBe(before.context);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('leave tables in order: by LIOBN, each with a view of its own size, a notifier needed where one listens', () => {
    fc.assert(
      fc.property(someInput, fc.array(someMessage, { maxLength: 25 }), (input, messages) => {
        walk(input, messages, (_, __, { qemu }) => {
          const { tables, phbs } = qemu.context;
          expect(tables.map(({ liobn }) => liobn)).toEqual(
            tables.map(({ liobn }) => liobn).sort((a, b) => a - b),
          );
          for (const table of tables) {
            if (table.mode !== 'enabled') continue;
            expect(table.view.entries).toBe(table.nbTable);
            const { owner } = table;
            const phb =
              owner.kind === 'phb'
                ? phbs.find(({ properties }) => properties.index === owner.index)
                : undefined;
            expect(table.needVfio).toBe((phb?.notifiers ?? 0) > 0);
            if (table.skippingReplay)
              expect(qemu.value).toEqual({ busy: { creatingWindow: 'showingWindow' } });
          }
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is put is got', () => {
  test('where a put succeeds, the next get has its TCE, whatever other entries are written between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), someTce), { maxLength: 20 }),
        fc.nat(40),
        someTce,
        (others, page, tce) => {
          let qemu = running({}, put(L0, BigInt(page) << 12n, tce));
          for (const [other, value] of others) {
            if (other !== page) qemu = send(qemu, put(L0, BigInt(other) << 12n, value)).qemu;
          }
          expect(hcallAnswer(send(qemu, get(L0, BigInt(page) << 12n))).tce).toBe(tce);
        },
      ),
    );
  });

  test('a put and a get agree on every address: both succeed or neither does', () => {
    fc.assert(
      fc.property(
        someInput,
        fc.array(someMessage, { maxLength: 10 }),
        someLiobn,
        someIoba,
        someTce,
        (input, messages, liobn, at, tce) => {
          const qemu = walk(input, messages, () => {});
          if (!qemu.can(get(liobn, at))) return;
          const stepped = send(qemu, put(liobn, at, tce));
          expect(statusOf(stepped)).toBe(statusOf(send(qemu, get(liobn, at))));
          if (statusOf(stepped) !== 'H_SUCCESS') return;
          expect(hcallAnswer(send(stepped.qemu, get(liobn, at))).tce).toBe(tce);
        },
      ),
    );
  });

  test('a STUFF, an INDIRECT and single puts of the same entries leave the same state', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0x3fff_0000n, max: 0x4000_0000n }),
        someTce,
        fc.integer({ min: 1, max: 20 }),
        (at, tce, count) => {
          const start = at & ~0xfffn;
          const qemu = running();
          let single = qemu;
          let failed = false;
          for (let i = 0; i < count && !failed; i += 1) {
            const stepped = send(single, put(L0, start + (BigInt(i) << 12n), tce));
            failed = statusOf(stepped) !== 'H_SUCCESS';
            single = stepped.qemu;
          }
          const stuffed = send(qemu, stuff(L0, at, tce, BigInt(count)));
          const listed = send(qemu, indirect(L0, at, new Array<bigint>(count).fill(tce)));
          for (const stepped of [stuffed, listed]) {
            expect(key(stepped.qemu)).toBe(key(single));
            expect(statusOf(stepped)).toBe(failed ? 'H_PARAMETER' : 'H_SUCCESS');
          }
        },
      ),
    );
  });
});

test('clearing twice is clearing once', () => {
  fc.assert(
    fc.property(
      fc.array(someHcall, { maxLength: 15 }),
      someIoba,
      fc.bigInt({ min: 1n, max: 0x4_0000n }),
      (calls, at, npages) => {
        const qemu = walk({}, calls, () => {});
        const once = send(qemu, stuff(L0, at, 0n, npages)).qemu;
        expect(key(send(once, stuff(L0, at, 0n, npages)).qemu)).toBe(key(once));
      },
    ),
  );
});

test('resetting twice is resetting once, for windows and for the machine', () => {
  fc.assert(
    fc.property(
      fc.array(someCall, { maxLength: 20 }),
      fc.constantFrom(reset(), systemReset),
      (calls, again) => {
        const qemu = walk({}, calls, () => {});
        if (!qemu.can(again)) return;
        const once = send(qemu, again).qemu;
        if (once.value === 'aborted') return;
        expect(key(send(once, again).qemu)).toBe(key(once));
      },
    ),
  );
});

test('a stream loaded into a machine of the same make gives the same tables, after any calls', () => {
  fc.assert(
    fc.property(fc.array(someCall, { maxLength: 20 }), (calls) => {
      const input = { devices: [{ driver: 'spapr-pci-host-bridge', index: 0 }, vscsi] } as const;
      const qemu = walk(input, calls, () => {});
      // A stuck slot travels as one without a window.
      if (qemu.value !== 'running' || qemu.context.tables.some(({ mode }) => mode === 'stuck')) return;
      const { stream } = monitorAnswer(send(qemu, migrate));
      const loaded = send(running(input), migrateIncoming(stream!)).qemu;
      const tables = (at: Qemu) => (canonicalQemu(at.context) as { tables: unknown }).tables;
      expect(tables(loaded)).toEqual(tables(qemu));
    }),
  );
});
