import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type HostEvent, readHostLine } from '../src/host/host-line.js';
import { HOST_PROBES, type HostProbe } from '../src/host/host-probes.js';

const folder = new URL('../../../traces/full-stack/', import.meta.url);
const linesOf = (name: string): readonly string[] =>
  gunzipSync(readFileSync(new URL(name, folder)))
    .toString('utf8')
    .split('\n');
const eventsOf = (name: string): readonly HostEvent[] =>
  linesOf(name)
    .map((text, index) => readHostLine(text, index + 1))
    .filter((event) => event !== null);

const logs = readdirSync(folder).filter((name) => name.endsWith('.host-trace.log.gz'));

describe.each(logs)('%s', (name) => {
  const events = eventsOf(name);

  test('is read to its last line, but for the comments at its head', () => {
    const comments = linesOf(name).filter((text) => text === '' || text.startsWith('#'));
    expect(events.length + comments.length).toBe(linesOf(name).length);
    expect(events.at(-1)).toMatchObject({ kind: 'mark', text: 'END' });
  });

  test('gives back every page that it charged', () => {
    const inside = new Map<number, number>();
    let pages = 0;
    for (const event of events) {
      if (event.kind === 'call' && event.probe === 'lock') {
        inside.set(event.pid, event.args.inc ? event.args.pages : -event.args.pages);
      } else if (event.kind === 'return' && event.probe === 'lock' && event.ret === 0) {
        pages += inside.get(event.pid)!;
      }
    }
    expect(pages).toBe(0);
  });

  test('takes no reference on a table that was freed', () => {
    const freed = new Set<bigint>();
    for (const event of events) {
      if (event.kind !== 'call') continue;
      if (event.probe === 'tfree') freed.add(event.args.tbl);
      // A table that is new at that address is put into a window first.
      if (event.probe === 'setwin') freed.delete(event.args.tbl);
      if (event.probe === 'tget' || event.probe === 'tput') expect(freed.has(event.args.tbl)).toBe(false);
    }
  });
});

test('between them the logs have every probe', () => {
  const seen = new Set(
    logs.flatMap((name) => eventsOf(name).map((event) => (event.kind === 'call' ? event.probe : ''))),
  );
  const missing = Object.keys(HOST_PROBES).filter((probe) => !seen.has(probe as HostProbe));
  // A plain H_PUT_TCE needs a guest whose dynamic window does not map all of its memory.
  expect(missing).toEqual(['hput']);
});

const origin = ' qemu-system-ppc-356     [000] ..... 1795225235.087496: ';
const tput =
  'tput: (iommu_tce_table_put+0xc/0x144) tbl=0xc000000003412800 off=0x0 size=0x20000 shift=16 ind=1 lvlsz=0x2000 kref=2';

test('a line says who ran what, and when', () => {
  expect(readHostLine(`${origin}${tput}`, 7)).toEqual({
    line: 7,
    task: 'qemu-system-ppc',
    pid: 356,
    cpu: 0,
    seconds: 1795225235.087496,
    kind: 'call',
    probe: 'tput',
    args: {
      tbl: 0xc000000003412800n,
      off: 0n,
      size: 0x20000n,
      shift: 16,
      ind: 1,
      lvlsz: 0x2000n,
      kref: 2,
    },
  });
});

test.each`
  text                                                                                   | said
  ${'copen: (tce_iommu_open+0xc/0xf8 [vfio_iommu_spapr_tce])'}                           | ${{ kind: 'call', probe: 'copen', args: {} }}
  ${'lock: (__account_locked_vm+0xc/0x150) pages=33 inc=1'}                              | ${{ kind: 'call', probe: 'lock', args: { pages: 33, inc: true } }}
  ${'lock_r: (account_locked_vm+0xa0/0x174 <- __account_locked_vm) ret=-12'}             | ${{ kind: 'return', probe: 'lock', ret: -12 }}
  ${'kvfattach: (kvm_spapr_tce_attach_iommu_group+0xc/0x1 [kvm]) tablefd=-1 grp=0xc000'} | ${{ kind: 'call', probe: 'kvfattach', args: { tablefd: -1, grp: 0xc000n } }}
  ${'hput: (kvmppc_h_put_tce+0xc/0x1 [kvm]) liobn=0x80000000 ioba=0x1000 tce=0x2003'}    | ${{ kind: 'call', probe: 'hput', args: { liobn: 0x80000000n, ioba: 0x1000n, tce: 0x2003n } }}
  ${'tracing_mark_write: HMP device_add vfio-pci,host=0001:01:00.0'}                     | ${{ kind: 'mark', text: 'HMP device_add vfio-pci,host=0001:01:00.0' }}
`('$text', ({ text, said }) => {
  expect(readHostLine(`        CPU 0/KVM-3155  [001] ..s.. 12.5: ${text}`, 1)).toEqual({
    line: 1,
    task: 'CPU 0/KVM',
    pid: 3155,
    cpu: 1,
    seconds: 12.5,
    ...said,
  });
});

test.each(['# tracer: nop', '', '  <idle>-0 [000] ..... 1.5: sched_switch: prev=1', '\r'])(
  'passes over %j',
  (text) => {
    expect(readHostLine(text, 1)).toBeNull();
  },
);

test.each`
  case                                     | text
  ${'text that is no event'}               | ${'hello'}
  ${'a line that was cut'}                 | ${`${origin}${tput}`.slice(0, -8)}
  ${'an argument more'}                    | ${`${origin}${tput} kref=2`}
  ${'an argument that is no number'}       | ${`${origin}${tput}`.replace('kref=2', 'kref=two')}
  ${'a number in the digits of a pointer'} | ${`${origin}${tput}`.replace('kref=2', 'kref=0x2')}
  ${'a flag that is neither'}              | ${`${origin}lock: (__account_locked_vm+0xc/0x150) pages=1 inc=2`}
  ${'a value of more than 64 bits'}        | ${`${origin}tfree: (pnv_pci_ioda2_table_free_pages+0xc/0xc4) tbl=0x1c000000003412800`}
  ${'a probe on another function'}         | ${`${origin}copen: (tce_iommu_release+0xc/0xf8)`}
  ${'the return of another function'}      | ${`${origin}lock_r: (account_locked_vm+0xa0/0x174 <- mm_iommu_new) ret=0`}
`('refuses $case', ({ text }) => {
  expect(() => readHostLine(text, 3)).toThrow(/^line 3 is no /);
});
