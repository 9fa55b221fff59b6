import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../src/index.ts';
import { EVENT_FORMATS } from '../src/log/event-formats.ts';
import { LineReader } from '../src/log/line-reader.ts';
import { nameFitsLiobn, traceEventOf } from '../src/log/trace-line.ts';
import * as line from './support/lines.ts';

/** Reads one line with a reader of its own. */
function read(text: string | Buffer): LineReader {
  const reader = new LineReader();
  const bytes = Buffer.from(text);
  reader.read(bytes, 0, bytes.length, 1);
  return reader;
}
const eventOf = (text: string) => traceEventOf(read(text));

const u64 = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn);
const u32 = fc.bigInt(0n, 0xffff_ffffn);
const i32 = fc.bigInt(-0x8000_0000n, 0x7fff_ffffn);
/** A count of pages: QEMU prints 64 bits, and no window has 2^53 entries. */
const count = fc.bigInt(0n, (1n << 53n) - 1n);

/** Every event that is followed, as the sources have it: the shape of its text, and what stands in it. */
const CALL = 'liobn=0x%x ioba=0x%x';
const DRC = ['drc: 0x%x', [u32]] as const;
const DRC_STATE = ['drc: 0x%x, state: 0x%x', [u32, u32]] as const;
const MESSAGES: Readonly<Record<string, readonly [string, readonly fc.Arbitrary<bigint>[]]>> = {
  spapr_iommu_put: [`${CALL} tce=0x%x ret=%d`, [u64, u64, u64, i32]],
  spapr_iommu_pci_put: [`${CALL} tce=0x%x ret=%d`, [u64, u64, u64, i32]],
  spapr_iommu_get: [`${CALL} ret=%d tce=0x%x`, [u64, u64, i32, u64]],
  spapr_iommu_pci_get: [`${CALL} ret=%d tce=0x%x`, [u64, u64, i32, u64]],
  spapr_iommu_indirect: [`${CALL} tcelist=0x%x iobaN=0x%x tceN=0x%x ret=%d`, [u64, u64, u64, u64, u64, i32]],
  spapr_iommu_pci_indirect: [
    `${CALL} tcelist=0x%x iobaN=0x%x tceN=0x%x ret=%d`,
    [u64, u64, u64, u64, u64, i32],
  ],
  spapr_iommu_stuff: [`${CALL} tcevalue=0x%x npages=%d ret=%d`, [u64, u64, u64, count, i32]],
  spapr_iommu_pci_stuff: [`${CALL} tcevalue=0x%x npages=%d ret=%d`, [u64, u64, u64, count, i32]],
  spapr_iommu_xlate: ['liobn=0x%x 0x%x -> 0x%x perm=%u mask=0x%x', [u64, u64, u64, u32, u32]],
  spapr_iommu_new_table: ['liobn=0x%x table=0x%x fd=%d', [u64, u64, i32]],
  spapr_iommu_pre_save: ['liobn=%x %x bus_offset=0x%x ps=%u', [u64, u32, u64, u32]],
  spapr_iommu_post_load: ['liobn=%x %x => 0x%x bus_offset=0x%x ps=%u', [u64, u32, u32, u64, u32]],
  spapr_iommu_ddw_query: [
    'buid=0x%x addr=0x%x, %u windows available, max window size=0x%x, mask=0x%x',
    [u64, u32, u32, u64, u32],
  ],
  spapr_iommu_ddw_create: [
    'buid=0x%x addr=0x%x, page size=0x%x, requested=0x%x, start addr=0x%x, liobn=0x%x',
    [u64, u32, u64, u64, u64, u32],
  ],
  spapr_iommu_ddw_remove: ['liobn=0x%x', [u32]],
  spapr_iommu_ddw_reset: ['buid=0x%x addr=0x%x', [u64, u32]],
  spapr_vio_h_reg_crq: ['CRQ for dev 0x%x registered at 0x%x/0x%x', [u64, u64, u64]],
  spapr_vio_free_crq: ['CRQ for dev 0x%x freed', [u64]],
  spapr_drc_set_isolation_state: DRC_STATE,
  spapr_drc_set_isolation_state_finalizing: DRC,
  spapr_drc_set_dr_indicator: DRC_STATE,
  spapr_drc_set_allocation_state: DRC_STATE,
  spapr_drc_set_allocation_state_finalizing: DRC,
  spapr_drc_set_configured: DRC,
  spapr_drc_attach: DRC,
  spapr_drc_unplug_request: DRC,
  spapr_drc_awaiting_quiesce: DRC,
  spapr_drc_reset: DRC,
  spapr_drc_realize: DRC,
  spapr_drc_realize_complete: DRC,
  spapr_drc_unrealize: DRC,
  spapr_pci_rtas_ibm_change_msi: ['cfgaddr 0x%x func %u, requested %u, first irq %u', [u32, u32, u32, u32]],
  spapr_pci_rtas_ibm_query_interrupt_source_number: ['queries for #%u, IRQ%u', [u32, u32]],
  spapr_pci_msi_write: ['@0x%x<=0x%x IRQ %u', [u64, u64, u32]],
  spapr_pci_msi_retry: ['Guest device at 0x%x asked %u, have only %u', [u32, u32, u32]],
};

/** Events with text of the host's in them. */
const TEXT_EVENTS = {
  spapr_drc_realize_child: (text: string) => `drc: 0x40000000, child name: ${text}`,
  spapr_pci_msi: (text: string) => `${text} (cfg=0x800)`,
  spapr_pci_msi_setup: (text: string) => `dev"${text}" vector 3, addr=0x40000000000`,
  spapr_pci_lsi_set: (text: string) => `${text} PIN2 IRQ 4610`,
};

/** The line, as printf would write it. */
function printed(name: string, template: string, values: readonly bigint[]): string {
  let at = 0;
  const text = template.replace(/%[xdu]/g, (conversion) =>
    (values[at++] as bigint).toString(conversion === '%x' ? 16 : 10),
  );
  return `${name} ${text}`;
}

describe('a line is read as QEMU wrote it', () => {
  test('every event that is followed has its message here', () => {
    const named = [...Object.keys(MESSAGES), ...Object.keys(TEXT_EVENTS)].sort();
    expect(EVENT_FORMATS.map(({ event }) => event).sort()).toEqual(named);
  });

  test.each(Object.entries(MESSAGES))('%s: what is written is read', (name, [template, kinds]) => {
    fc.assert(
      fc.property(fc.tuple(...kinds), (values) => {
        const { event, fields } = read(printed(name, template, values));
        expect(event).toBe(name);
        values.forEach((value, at) => {
          expect(fields.negative[at] === 1 ? -fields.value(at) : fields.value(at)).toBe(value);
        });
      }),
    );
  });

  test.each(Object.entries(TEXT_EVENTS))('%s: the text in it may be any', (name, lineOf) => {
    for (const text of ['dr-connector[1073741824]', '', 'pci@800000020000000', 'Gerät (x) ="y"']) {
      expect(read(`7@1.000001:${name} ${lineOf(text)}`).events).toEqual({ [name]: 1 });
    }
  });
});

describe('calls are told by their fields', () => {
  test.each([
    [line.put(line.L0, 0x1000, 0x4003), { event: 'spapr_iommu_put', ioba: 0x1000n, tce: 0x4003n, ret: 0 }],
    [line.put(line.VIO, 0x1000, 0x4003, -4), { event: 'spapr_iommu_put', liobn: 0x7100_0002n, ret: -4 }],
    [line.get(line.L0, 0x1000, 0x4003), { event: 'spapr_iommu_get', ret: 0, tce: 0x4003n }],
    [
      line.stuff(line.L0, 0x3000, 7, 2),
      { event: 'spapr_iommu_stuff', ioba: 0x3000n, npages: 2n, tcevalue: 7n },
    ],
    [line.indirect(line.L1, line.DYNAMIC, 127, 0x7f00_0003), { event: 'spapr_iommu_indirect', iobaN: 127 }],
    [
      line.xlate(line.L1, 0x241_c004, 0x200_0000, 3, 0xff_ffff),
      { address: 0x241_c004n, perm: 3, mask: 0xff_ffff },
    ],
    [line.query(2, 1), { buid: 0x800_0000_2000_0002n, cfgaddr: 0x800, windowsAvailable: 1, mask: 0x107 }],
    [line.create(line.L1), { pageBytes: 0x100_0000n, requestedBytes: 1n << 32n, start: line.DYNAMIC }],
    [line.preSave(line.L1, 256, line.DYNAMIC, 24), { liobn: 0x8000_0001n, nb: 256, ps: 24 }],
    [line.postLoad(line.L1, 0, 256, line.DYNAMIC, 24), { preNb: 0, postNb: 256, busOffset: line.DYNAMIC }],
    [line.freeCrq(line.VIO), { event: 'spapr_vio_free_crq', unit: 0x7100_0002n }],
    [line.drcState('isolation_state', 0x4000_0000, 1), { index: 0x4000_0000, state: 1 }],
    [line.drc('attach', 0x2000_0002), { event: 'spapr_drc_attach', index: 0x2000_0002 }],
  ])('%s', (text, expected) => {
    expect(eventOf(text)).toMatchObject(expected);
  });

  test('bit 31 of the LIOBN alone decides which of the two names a call has', () => {
    for (const call of ['put', 'get', 'stuff', 'indirect']) {
      for (const [liobn, isPci] of [
        [0x8000_0000n, true],
        [0x7100_0002n, false],
        [1n << 63n, false],
      ] as const) {
        expect(nameFitsLiobn(`spapr_iommu_pci_${call}`, liobn)).toBe(isPci);
        expect(nameFitsLiobn(`spapr_iommu_${call}`, liobn)).toBe(!isPci);
      }
    }
  });

  test('a table without memory has the null pointer of printf', () => {
    expect(eventOf(line.newTable(line.L1, { table: '(nil)' }))).toMatchObject({ table: '(nil)' });
    expect(eventOf(line.newTable(line.L1))).toMatchObject({ table: 'allocated' });
  });
});

describe('what surrounds a line does not matter', () => {
  const text = line.put(line.L0, 0x1000, 0x4003);

  test('with a prefix it has a thread and a time, without one it has none', () => {
    expect(read(`28861@1795220419.502891:${text}`)).toMatchObject({
      thread: 28_861,
      seconds: 1_795_220_419.502_891,
    });
    expect(read(text)).toMatchObject({ thread: -1, seconds: Number.NaN });
    expect(eventOf(`28861@1795220419.502891:${text}`)).toEqual(eventOf(text));
  });

  test('a carriage return before the newline belongs to the line end', () => {
    expect(eventOf(`${text}\r`)).toEqual(eventOf(text));
    expect(() => read(`${text}\r\r`)).toThrow(InputError);
  });

  test.each([
    ['pre_save', line.preSave(line.L0, 0x4_0000, 0n, 12)],
    ['post_load', line.postLoad(line.L0, 0x4_0000, 0x4000, 1n << 59n, 16)],
    ['xlate', line.xlate(line.L0, 0x1000, 0x4000, 3)],
  ])('QEMU 2.7 leaves out 0x in %s', (_, text) => {
    const older = text.replace(/(bus_offset=|mask=|=> )0x/g, '$1');
    expect(older).not.toBe(text);
    expect(eventOf(older)).toEqual(eventOf(text));
  });

  test('0x may stand where QEMU 7.2 leaves it out', () => {
    expect(eventOf('spapr_iommu_pre_save liobn=0x80000000 0x40000 bus_offset=0x0 ps=12')).toEqual(
      eventOf(line.preSave(line.L0, 0x4_0000, 0n, 12)),
    );
  });

  test.each([
    ['a half prefix', `28861@1795220419:${text}`],
    ['a prefix of another program', `qemu: ${text}`],
    ['another name', `x${text}`],
    ['a longer name', text.replace('put', 'puts')],
  ])('%s makes it another line', (_, text) => {
    expect(read(text).events).toEqual({});
  });
});

describe('numbers out of range are errors with the line', () => {
  test.each([
    ['a hex number beyond 64 bits', line.put(line.L0, 1n << 64n, 3)],
    ['a hex number with 17 digits', line.put(line.L0, 0, 3).replace('tce=0x', 'tce=0x00000000000000000')],
    ['a hex number without digits', line.put(line.L0, 0, 3).replace('ioba=0x0', 'ioba=0x')],
    ['upper case', line.put(line.L0, 0xabc000, 3).replace('abc', 'ABC')],
    ['a decimal number beyond 2^53', line.stuff(line.L0, 0x1000, 0, 1n << 53n)],
    [
      'a decimal number of 20 digits',
      line.stuff(line.L0, 0x1000, 0, 1).replace('npages=1', `npages=${'0'.repeat(19)}1`),
    ],
    ['a sign where none can be', line.xlate(line.L0, 0, 0, 3).replace('perm=3', 'perm=-3')],
    ['a missing field', line.put(line.L0, 0, 3).replace(' ret=0', '')],
    ['something behind the line', `${line.put(line.L0, 0, 3)} `],
    ['no message at all', 'spapr_iommu_pci_put'],
    ['a pointer without 0x', line.newTable(line.L0, { table: '7f00' })],
    ['a cut null pointer', line.newTable(line.L0, { table: '(nil' })],
  ])('%s', (_, text) => {
    expect(() => read(text)).toThrow(InputError);
    expect(() => read(text)).toThrow(/^line 1 is no spapr_iommu_\w+ line: spapr_iommu_/);
  });
});

describe('lines of others are counted, never dropped', () => {
  test('events by their name, other text as such', () => {
    const reader = new LineReader();
    const others = [
      '7@1.000001:kvm_handle_papr_hcall 0x20',
      '7@1.000001:kvm_handle_papr_hcall 0x24',
      'vfio_dma_unmap_overflow_workaround',
      '7@1.000001:memory_region_ops_read cpu 0',
      'put_tce_emu: spapr_vio_put_tce on out-of-bounds IOBA 0x0000000010000000',
      '',
      'grüße',
    ];
    for (const text of others)
      expect(reader.read(Buffer.from(text), 0, Buffer.byteLength(text), 1)).toBe(false);
    expect(reader.ignored).toEqual({
      '(not a trace event)': 3,
      kvm_handle_papr_hcall: 2,
      memory_region_ops_read: 1,
      vfio_dma_unmap_overflow_workaround: 1,
    });
    expect(reader.hasEvents).toBe(false);
  });

  test('of a thousand names the rest is counted together', () => {
    const reader = new LineReader();
    for (let n = 0; n < 1500; n++) {
      const text = Buffer.from(`some_event_${n} x`);
      reader.read(text, 0, text.length, n + 1);
    }
    expect(Object.keys(reader.ignored)).toHaveLength(1001);
    expect(reader.ignored['(other events)']).toBe(500);
  });

  test('a line that is no text is an error', () => {
    expect(() => read(Buffer.from([0x61, 0xff, 0xfe]))).toThrow('line 1 is not text');
    expect(() => read(Buffer.from('a\0b'))).toThrow('line 1 is not text');
  });
});
