import { expect, test } from 'vitest';
import { operationOf, PROBES, parseCallOrder, readCallOrder } from './read-call-order.ts';

const sections = readCallOrder();
const episodes = sections.flatMap(({ letter, episodes: of }) =>
  of.map((episode) => ({ letter, ...episode })),
);

test('the recording has sections A to K', () => {
  expect(sections.map(({ letter }) => letter).join('')).toBe('ABCDEFGHIJK');
});

test('every probe of the recording is read with its function, and every probe known occurs', () => {
  const calls = episodes.flatMap(({ calls: of, late }) => [...of, ...late]);
  for (const [probe, fn] of Object.entries(PROBES)) {
    expect(
      calls.some((call) => call.fn === (fn ?? probe) && Object.keys(call.args).length > 0),
      probe,
    ).toBe(true);
  }
  const counted = calls.filter(({ fn }) => fn === 'tce_iommu_unuse_page_v2').map(({ times }) => times);
  expect(Math.max(...counted)).toBe(256);
});

test('a step has its operation, its functions in order, and how it ended', () => {
  const step = episodes.find(({ mark }) => mark === 'unset/4')!;
  expect(step.operation).toEqual({
    name: 'SPAPR_REGISTER_MEMORY',
    args: { vaddr: 'buf+0', size: '0x100000' },
    words: [],
  });
  expect(step.calls.map(({ fn }) => fn)).toEqual([
    'vfio_fops_unl_ioctl',
    'tce_iommu_ioctl',
    'tce_iommu_mm_set',
    'mm_iommu_get',
    'mm_iommu_new',
    'mm_iommu_do_alloc',
    'account_locked_vm',
    '__account_locked_vm',
  ]);
  expect(step.calls.at(-1)!.args).toEqual({ mm: 'MM1', pages: '16', inc: '1' });
  expect(step.ret).toEqual({ value: 0, errno: 'OK' });
});

test('what runs after a call has returned is told apart', () => {
  const close = episodes.find(({ mark }) => mark === 'unset/11')!;
  expect(close.calls.map(({ fn }) => fn)).toEqual(['vfio_fops_release']);
  expect(close.late.map(({ fn }) => fn)).toEqual(['mm_iommu_free']);
});

test('only prose stands before the last colon of a step', () => {
  expect(operationOf('leak/11 map: still there?: MAP_DMA iova=0 size=0x1000').name).toBe('MAP_DMA');
  expect(operationOf('unset/11 close container: close').name).toBe('close');
  expect(operationOf('simple/1 open group: open /dev/vfio/2')).toEqual({
    name: 'open',
    args: {},
    words: ['/dev/vfio/2'],
  });
});

test.each`
  case                                     | line                                                 | why
  ${'a line of no known form'}             | ${'   nonsense'}                                     | ${'unknown line'}
  ${'a probe that is not known'}           | ${' /* newprobe:  a=1 */'}                           | ${'unknown probe'}
  ${'the return of another step'}          | ${' /* RET x/2 ret=0 errno=OK */'}                   | ${'another call'}
  ${'a function that the probe is not on'} | ${' /* tget:  tbl=TBL1 */\n iommu_tce_table_put();'} | ${'probe on another function'}
  ${'a probe without a function'}          | ${' /* tget:  tbl=TBL1 */\n /* NOTE x */'}           | ${'followed by no function'}
`('refuses $case', ({ line, why }) => {
  expect(() => parseCallOrder(`## A. x\n /* STEP x/1 y: close */\n${line}\n`)).toThrow(why);
});
