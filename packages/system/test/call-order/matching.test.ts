import { expect, test } from 'vitest';
import { FUNCTIONS_NOT_COMPARED } from './compared.ts';
import { isComplete, type ModelCall, matched, type Progress, progressOn } from './matching.ts';
import type { RecordedCall } from './read-call-order.ts';
import { readCallOrder } from './read-call-order.ts';

const recorded = (fn: string, args: RecordedCall['args'] = {}, times = 1): RecordedCall => ({
  fn,
  args,
  times,
  line: 1,
});
const ran = (fn: string, args: ModelCall['args'] = {}, times = 1): ModelCall => ({ fn, args, times });

/** What comes of a recording and a run: the progress, or the first difference. */
function held(calls: readonly RecordedCall[], model: readonly ModelCall[]): Progress | string {
  let progress = progressOn(calls);
  for (const call of model) {
    const next = matched(progress, call);
    if (typeof next === 'string') return next;
    progress = next;
  }
  return isComplete(progress) ? progress : 'the recording goes on';
}

const put = (tbl: string, kref: string) => recorded('iommu_tce_table_put', { tbl, kref, base: '0xc0' });
const runPut = (tbl: number, kref: number) => ran('iommu_tce_table_put', { tbl, kref });

test.each`
  case                                 | calls                                               | model                               | result
  ${'the same functions'}              | ${[recorded('f'), recorded('g')]}                   | ${[ran('f'), ran('g')]}             | ${true}
  ${'another order'}                   | ${[recorded('f'), recorded('g')]}                   | ${[ran('g'), ran('f')]}             | ${'g runs, recorded is f (line 1)'}
  ${'one too many'}                    | ${[recorded('f')]}                                  | ${[ran('f'), ran('f')]}             | ${'f runs, the recording has no more'}
  ${'one missing'}                     | ${[recorded('f'), recorded('g')]}                   | ${[ran('f')]}                       | ${'the recording goes on'}
  ${'two in a row, told one by one'}   | ${[recorded('f', {}, 2)]}                           | ${[ran('f'), ran('f')]}             | ${true}
  ${'two in a row, told at once'}      | ${[recorded('f', {}, 2)]}                           | ${[ran('f', {}, 2)]}                | ${true}
  ${'too few in a row'}                | ${[recorded('f', {}, 3)]}                           | ${[ran('f', {}, 2)]}                | ${'the recording goes on'}
  ${'too many in a row'}               | ${[recorded('f', {}, 2)]}                           | ${[ran('f', {}, 3)]}                | ${'f runs 3 times, recorded are 2 (line 1)'}
  ${'a number in other digits'}        | ${[recorded('f', { size: '0x10' })]}                | ${[ran('f', { size: 16n })]}        | ${true}
  ${'another number'}                  | ${[recorded('f', { kref: '2' })]}                   | ${[ran('f', { kref: 1 })]}          | ${'f: kref is 1, recorded is 2 (line 1)'}
  ${'a flag'}                          | ${[recorded('f', { enable: '0' })]}                 | ${[ran('f', { enable: false })]}    | ${true}
  ${'a missing argument'}              | ${[recorded('f', { kref: '2' })]}                   | ${[ran('f')]}                       | ${'f has no kref, recorded is kref=2 (line 1)'}
  ${'tables under other names'}        | ${[put('TBL1', '2'), put('TBL2', '1')]}             | ${[runPut(7, 2), runPut(3, 1)]}     | ${true}
  ${'one table that was two'}          | ${[put('TBL1', '2'), put('TBL2', '1')]}             | ${[runPut(7, 2), runPut(7, 1)]}     | ${'iommu_tce_table_put: tbl is 7, recorded is TBL2 (TBL1 is TBL 7) (line 1)'}
  ${'no table where there is none'}    | ${[recorded('f', { t0: '0x0' })]}                   | ${[ran('f', { t0: null })]}         | ${true}
  ${'a table where there is none'}     | ${[recorded('f', { t0: '0' })]}                     | ${[ran('f', { t0: 4 })]}            | ${'f: t0 is 4, recorded is 0 (line 1)'}
  ${'a function that is not compared'} | ${[recorded('vfio_fops_unl_ioctl'), recorded('f')]} | ${[ran('f'), ran('mm_iommu_free')]} | ${true}
`('$case', ({ calls, model, result }) => {
  const end = held(calls, model);
  if (result === true) expect(end).toMatchObject({ seen: 0 });
  else expect(end).toBe(result);
});

test('a table that is freed gives its name to the next at its address', () => {
  const free = recorded('pnv_pci_ioda2_table_free_pages', { tbl: 'TBL1' });
  const runFree = ran('pnv_pci_ioda2_table_free_pages', { tbl: 7 });
  expect(
    held([put('TBL1', '1'), free, put('TBL1', '2')], [runPut(7, 1), runFree, runPut(8, 2)]),
  ).toMatchObject({
    at: 3,
  });
});

test('every function that is not compared occurs in the recording', () => {
  const all = new Set(
    readCallOrder().flatMap(({ episodes }) =>
      episodes.flatMap(({ calls, late }) => [...calls, ...late].map(({ fn }) => fn)),
    ),
  );
  expect(Object.keys(FUNCTIONS_NOT_COMPARED).filter((fn) => !all.has(fn))).toEqual([]);
});
