import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseTimeline, phasesOf, readTimeline } from './read-timeline.ts';

const names = readdirSync(new URL('../../../../traces/full-stack', import.meta.url))
  .filter((name) => name.endsWith('.timeline.txt.gz'))
  .map((name) => name.replace('.timeline.txt.gz', ''));

test.each(names)('%s is read to its last line, in the order of time', (name) => {
  const lines = readTimeline(name);
  expect(lines[0]!.name).toBe(`BEGIN ${name}`);
  expect(lines.at(-1)!.name).toBe('END');
  const times = lines.map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test.each`
  text                                                                                      | expected
  ${'tput tbl=..12 off=0x0 kref=2'}                                                         | ${{ name: 'tput', args: { tbl: '..12', off: '0x0', kref: '2' }, times: 1, ret: null }}
  ${'claim '}                                                                               | ${{ name: 'claim', args: {}, times: 1, ret: null }}
  ${'lock_r ret=-12'}                                                                       | ${{ name: 'lock_r', args: { ret: '-12' }, times: 1, ret: null }}
  ${'ioctl CREATE shift=16 size=0x80000000 levels=1 -> -12'}                                | ${{ name: 'ioctl CREATE', args: { shift: '16', size: '0x80000000', levels: '1' }, times: 1, ret: -12 }}
  ${'ioctl GET_INFO '}                                                                      | ${{ name: 'ioctl GET_INFO', args: {}, times: 1, ret: null }}
  ${'ioctl MAP_DMA first=iova 0x10 size 0x20 last=iova 0x10 size 0x20 entries=32'}          | ${{ name: 'ioctl MAP_DMA', args: { first: '0x10', size: '0x20', last: '0x10', lastSize: '0x20' }, times: 1, ret: null }}
  ${'H_PUT_TCE 0x80000000 first=0x10 last=0x10 entries=1'}                                  | ${{ name: 'H_PUT_TCE', args: { liobn: '0x80000000', first: '0x10', last: '0x10', entries: '1' }, times: 1, ret: null }}
  ${'H_STUFF_TCE x512 0x80000000 first=0x0 last=0x3fe00000 entries=262144 until +536.2 ms'} | ${{ name: 'H_STUFF_TCE', args: { liobn: '0x80000000', first: '0x0', last: '0x3fe00000', entries: '262144' }, times: 512, ret: null }}
  ${'H_PUT_TCE 0x80000000 first=0x10 last=0x10 entries=1 NONZERO ret 9999'}                 | ${{ name: 'H_PUT_TCE', args: { liobn: '0x80000000', first: '0x10', last: '0x10', entries: '1' }, times: 1, ret: 9999 }}
`('K $text', ({ text, expected }) => {
  expect(parseTimeline(`   1.5 K     ${text}`)[0]).toEqual({ line: 1, at: 1.5, side: 'K', ...expected });
});

test.each`
  text                                                              | args
  ${'vfio_spapr_group_attach Attached groupfd 15 to liobn fd 22'}   | ${{ groupfd: '15', tablefd: '22' }}
  ${'vfio_listener_region_add_iommu region_add [iommu] 0x0 - 0x3f'} | ${{ start: '0x0', end: '0x3f' }}
  ${'vfio_iommu_map_notify iommu MAP @ 0x10 - 0x1f'}                | ${{ kind: 'MAP', start: '0x10', end: '0x1f' }}
  ${'vfio_prereg_register va=0x7f size=0x20 ret=-12'}               | ${{ va: '0x7f', size: '0x20', ret: '-12' }}
`('Q $text', ({ text, args }) => {
  const [event] = parseTimeline(`  12.0 Q ${text}`);
  expect(event).toMatchObject({ side: 'Q', name: text.split(' ')[0], args });
});

test.each(['nonsense', '  1.0 X tput', '  1.0 K     tput tbl', '  1.0 Q vfio_put_group fd is closed'])(
  'refuses %j',
  (text) => {
    expect(() => parseTimeline(`  0.0 * BEGIN x\n${text}`)).toThrow('line 2 has no known form');
  },
);

test('a recording is parted at what the operator did', () => {
  expect(
    phasesOf(readTimeline('hotplug-b')).map(({ name }) => name.split(' ').slice(0, 2).join(' ')),
  ).toEqual([
    'qstart hotplug-b',
    'GUEST ld',
    'HMP device_add',
    'GUEST hp_add',
    'GUEST hp_rm',
    'HMP device_add',
    'GUEST hp_add',
    'GUEST hp_rm',
    'GUEST poweroff',
  ]);
});
