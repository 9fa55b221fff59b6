import { describe, expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

interface Report {
  readonly lockedKb: { ram: number; windows: number; kvm: number; total: number } | null;
  readonly memlock: number | null;
  readonly windows: readonly { start: string; levels: number; kb: number; accepted: readonly number[] }[];
  readonly firstFailure: { limitKb: number; call: string; during: string; outcome: string } | null;
}

/** The guest of the recordings: 512 MiB, and a window of 2 GiB in pages of 16M. */
const recorded = ['size', '--ram', '512M', '--ddw', '16M', '--ddw-size', '2G'];

const sized = async (...args: string[]) => {
  const ended = await spaprDma([...recorded, ...args, '--json']);
  return { status: ended.status, report: documentOf<Report>('size', ended) };
};

test('the recorded guest locks what it was seen to lock', async () => {
  const { status, report } = await sized();
  expect(status).toBe(0);
  expect(report.lockedKb?.total).toBe(531_136);
  expect(report.memlock).toBe(531_136 * 1024);
  expect(report.windows.map(({ start, kb }) => [start, kb])).toEqual([
    ['0x0', 4096],
    ['0x800000000000000', 512],
  ]);
});

test('with a limit, the status tells whether it is enough', async () => {
  expect(await sized('--memlock', '531136K')).toMatchObject({ status: 0, report: { firstFailure: null } });
  const { status, report } = await sized('--memlock', '530700K');
  expect(status).toBe(1);
  expect(report.firstFailure).toMatchObject({ limitKb: 530_700, call: 'VFIO_IOMMU_SPAPR_TCE_CREATE' });
});

test('for people it says what to set, and what gives way', async () => {
  const { status, stdout, stderr } = await spaprDma([...recorded, '--memlock', '1M']);
  expect([status, stderr]).toEqual([1, '']);
  expect(stdout).toContain('together                                      531,136 KiB\n');
  expect(stdout).toContain('RLIMIT_MEMLOCK must be 543,883,264 bytes (ulimit -l 531136).\n');
  expect(stdout).toMatch(
    /With 1,024 KiB: in the start of QEMU, VFIO_IOMMU_SPAPR_REGISTER_MEMORY fails with ENOMEM\./,
  );
});

test('a host with pages of 4K, and one of POWER8', async () => {
  const small = await sized('--host-page', '4K');
  expect(small.report.windows[0]).toMatchObject({ levels: 2, kb: 4104 });
  const { report } = await sized('--phb', 'PHB3');
  expect(report.windows[1]?.accepted).toEqual([1, 2]);
});

describe('an unusable call', () => {
  test.each`
    args                                             | why
    ${['size']}                                      | ${/required option '--ram <size>' not specified; see spapr-dma size --help/}
    ${['size', '--ram', '512X']}                     | ${/'512X' is invalid/}
    ${['size', '--ram', '0']}                        | ${/not a number of MiB/}
    ${['size', '--ram', '2000000T']}                 | ${/more than 1P/}
    ${['size', '--ram', '1G', '--groups', '0']}      | ${/not 1 to 64/}
    ${['size', '--ram', '1G', '--ddw', '1G']}        | ${/is invalid, it can be none, 4K, 64K, 2M, 16M/}
    ${['size', '--ram', '1G', '--ddw-size', '3G']}   | ${/no power of two/}
    ${['size', '--ram', '1G', '--preset', 'future']} | ${/There is no preset 'future'/}
  `('$args', async ({ args, why }: { args: string[]; why: RegExp }) => {
    const ended = await spaprDma([...args, '--json']);
    expectRefusal(ended, why);
    expect(documentOf<Report>('size', ended)).toMatchObject({ lockedKb: null, memlock: null, windows: [] });
  });
});
