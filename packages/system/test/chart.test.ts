import { describe, expect, test } from 'vitest';
import { CHART_FORMATS, chart } from '../src/chart/chart.ts';
import { accessesIn, chartItems } from '../src/chart/items.ts';
import { durationText } from '../src/costs.ts';
import { runStory, traceOf } from '../src/story/run-story.ts';
import { loadStory } from '../src/story/story-files.ts';

const boot = runStory(loadStory('boot-emulated'), { preset: 'newest' });
const truncated = runStory(loadStory('create-truncated'), { preset: 'newest' });

describe('repetitions', () => {
  test('512 blocks of clearing are shown as the first, the last, and a count', () => {
    const items = chartItems(boot);
    expect(items).toContainEqual({ kind: 'left-out', times: 510, messages: 1020 });
    expect(items.length).toBeLessThan(40);
  });

  test('nothing is lost: what is shown and what is left out are all messages', () => {
    const counted = chartItems(boot).reduce(
      (sum, item) => sum + (item.kind === 'message' ? 1 : item.kind === 'left-out' ? item.messages : 0),
      0,
    );
    expect(counted).toBe(boot.messages.length);
  });

  test('what is shown stands in the order in which it happened', () => {
    const shown = chartItems(boot).flatMap((item) => (item.kind === 'message' ? [item.message.n] : []));
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
  });

  test('an answer that differs is not left out', () => {
    const kdump = runStory(loadStory('kdump'), { preset: '2015' });
    const answers = chartItems(kdump).flatMap((item) =>
      item.kind === 'message' && item.message.text.startsWith('H_GET_TCE H_SUCCESS tce=0x1234')
        ? [item.message.text]
        : [],
    );
    expect(answers).toHaveLength(3);
  });
});

describe('a chart of five machines', () => {
  const result = runStory(loadStory('vfio-boot'), { preset: 'newest' });
  const counted = (all: boolean) =>
    chartItems(result, { all }).reduce(
      (sum, item) => sum + (item.kind === 'message' ? 1 : item.kind === 'left-out' ? item.messages : 0),
      0,
    );

  test('leaves out how the machines of the host get at each other, unless it is asked for all', () => {
    expect(accessesIn(result)).toBeGreaterThan(2000);
    expect(counted(false)).toBe(result.messages.length - accessesIn(result));
    expect(counted(true)).toBe(result.messages.length);
    expect(chart(result, 'terminal')).not.toContain('tce_xchg');
    expect(chart(result, 'terminal', { all: true })).toContain('tce_xchg');
  });

  test('keeps what is charged, made and tied together', () => {
    const text = chart(result, 'mermaid');
    for (const call of [
      'account_locked_vm pages=33',
      'create_table group=0',
      'set_window',
      'iommu_tce_table_get',
    ]) {
      expect(text).toContain(call);
    }
  });

  test.each([false, true])('folds 512 blocks of clearing with all that they cause (all: %s)', (all) => {
    const items = chartItems(result, { all });
    expect(items.filter(({ kind }) => kind === 'left-out')).toEqual([
      { kind: 'left-out', times: 510, messages: 510 * (all ? 7 : 3) },
    ]);
    expect(items.length).toBeLessThan(200);
  });

  test('folds what repeats a repetition', () => {
    const userspace = runStory(loadStory('vfio-boot-userspace'), { preset: '2017' });
    expect(userspace.messages.length).toBeGreaterThan(1500);
    expect(chartItems(userspace).length).toBeLessThan(150);
  });

  test('shows a violation behind the step that did it where what arrived is left out', () => {
    const late = runStory(loadStory('vfio-unplug-one-of-two'), { preset: 'newest' });
    const texts = chartItems(late).flatMap((item) =>
      item.kind === 'violation' ? [item.text.slice(0, 4)] : [],
    );
    expect(texts).toEqual(['S-12', 'S-4:']);
  });

  test('ends with what the host is left with', () => {
    const text = chart(result, 'terminal');
    expect(text).toContain('The host at the end:\n  530496 kB charged to QEMU\n');
    expect(text).toContain("  group 0 is VFIO's, bypass off, table bases name nothing\n");
    expect(text).toContain(
      '    window 0 at 0x0: 262144 entries of 2^12 bytes, levels 1, 0 mapped, 3 references',
    );
    expect(text).not.toContain('pinned for ever');
  });
});

describe('the chart for the terminal', () => {
  const text = chart(truncated, 'terminal');

  test('has a lane for each that takes part', () => {
    expect(text.split('\n')[2]).toMatch(/^ +time +environment +guest-kernel +qemu-spapr$/);
  });

  test('shows what is violated behind the step that did it, and the windows at the end', () => {
    const lines = text.split('\n');
    const aborted = lines.findIndex((line) => line.includes('qemu-aborted'));
    expect(lines[aborted + 1]).toContain('✗ S-21: QEMU ends on ibm,create-pe-dma-window');
    expect(lines[aborted + 2]).toContain('✗ L-1: ');
    expect(text).toContain('Windows at the end:\n  none');
  });

  test('is this', () => {
    expect(text).toMatchInlineSnapshot(`
      "A window of 2^32 entries and more (newest)

              time  environment    guest-kernel    qemu-spapr
            0.0 µs  ├──────────────┼───────────────▶             system_reset
            0.0 µs  │              ├───────────────▶             vcpu0 ibm,query-pe-dma-window addr=0x0 buid=0x800000020000000 nret=6
           10.0 µs  │              ◀╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤             vcpu0 ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]
           10.0 µs  │              ├───────────────▶             vcpu0 ibm,create-pe-dma-window addr=0x0 buid=0x800000020000000 page_shift=12 window_shift=44
           20.0 µs  │              ◀╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤             vcpu0 ibm,create-pe-dma-window HW_ERROR
           20.0 µs  │              ├───────────────▶             vcpu0 ibm,create-pe-dma-window addr=0x0 buid=0x800000020000000 page_shift=12 window_shift=30
           30.0 µs  ◀──────────────┼───────────────┤             qemu-aborted assertion=memory_region_add_subregion: !subregion->container
                    │              │               │             ✗ S-21: QEMU ends on ibm,create-pe-dma-window: Assertion 'memory_region_add_subregion: !subregion->container' failed.
                    │              │               │             ✗ L-1: ibm,create-pe-dma-window of vcpu0 is never answered: QEMU is gone.

      Windows at the end:
        none
      "
    `);
  });
});

test('the chart for Mermaid is this', () => {
  expect(chart(truncated, 'mermaid')).toMatchInlineSnapshot(`
    "sequenceDiagram
      title A window of 2^32 entries and more (newest)
      participant P0 as environment
      participant P1 as guest-kernel
      participant P2 as qemu-spapr
      P0->>P2: 0.0 µs system_reset
      P1->>P2: 0.0 µs vcpu0 ibm,query-pe-dma-window addr=0x0 buid=0x800000020000000 nret=6
      P2-->>P1: 10.0 µs vcpu0 ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]
      P1->>P2: 10.0 µs vcpu0 ibm,create-pe-dma-window addr=0x0 buid=0x800000020000000 page_shift=12 window_shift=44
      P2-->>P1: 20.0 µs vcpu0 ibm,create-pe-dma-window HW_ERROR
      P1->>P2: 20.0 µs vcpu0 ibm,create-pe-dma-window addr=0x0 buid=0x800000020000000 page_shift=12 window_shift=30
      P2->>P0: 30.0 µs qemu-aborted assertion=memory_region_add_subregion: !subregion->container
      Note over P0,P2: S-21: QEMU ends on ibm,create-pe-dma-window: Assertion 'memory_region_add_subregion: !subregion->container' failed.
      Note over P0,P2: L-1: ibm,create-pe-dma-window of vcpu0 is never answered: QEMU is gone.
    "
  `);
});

test('the chart for PlantUML is this', () => {
  expect(chart(truncated, 'plantuml')).toMatchInlineSnapshot(`
    "@startuml
    title A window of 2^32 entries and more (newest)
    participant "environment" as P0
    participant "guest-kernel" as P1
    participant "qemu-spapr" as P2
    P0 -> P2 : 0.0 µs system_reset
    P1 -> P2 : 0.0 µs vcpu0 ibm,query-pe-dma-window addr=0x0 buid=0x800000020000000 nret=6
    P2 --> P1 : 10.0 µs vcpu0 ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]
    P1 -> P2 : 10.0 µs vcpu0 ibm,create-pe-dma-window addr=0x0 buid=0x800000020000000 page_shift=12 window_shift=44
    P2 --> P1 : 20.0 µs vcpu0 ibm,create-pe-dma-window HW_ERROR
    P1 -> P2 : 20.0 µs vcpu0 ibm,create-pe-dma-window addr=0x0 buid=0x800000020000000 page_shift=12 window_shift=30
    P2 -> P0 : 30.0 µs qemu-aborted assertion=memory_region_add_subregion: !subregion->container
    note over P0, P2 : S-21: QEMU ends on ibm,create-pe-dma-window: Assertion 'memory_region_add_subregion: !subregion->container' failed.
    note over P0, P2 : L-1: ibm,create-pe-dma-window of vcpu0 is never answered: QEMU is gone.
    @enduml
    "
  `);
});

test.each(CHART_FORMATS)('the chart for %s is the same each time', (format) => {
  const again = runStory(loadStory('create-truncated'), { preset: 'newest' });
  expect(chart(again, format)).toBe(chart(truncated, format));
});

test('QEMU logs of a story what it would log: the new table, and each call', () => {
  const events = traceOf(boot).map(({ event }) => event);
  expect(events.filter((event) => event === 'spapr_iommu_stuff')).toHaveLength(513);
  expect(events.filter((event) => event === 'spapr_iommu_new_table')).toHaveLength(1);
  expect(traceOf(boot, 'qemu-destination')).toEqual([]);
});

test.each([
  [0, '0 ns'],
  [999, '999 ns'],
  [10_000, '10.0 µs'],
  [171_798_691_840, '172 s'],
])('%d ns are %s', (nanoseconds, text) => {
  expect(durationText(nanoseconds)).toBe(text);
});
