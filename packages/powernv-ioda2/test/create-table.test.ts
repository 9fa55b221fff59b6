import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  call,
  claim,
  codeOf,
  costsOf,
  create,
  createdIn,
  fail,
  groupAnswer,
  type Host,
  type Options,
  send,
  started,
  stateOf,
} from './machine.ts';

interface Row {
  readonly line: number;
  readonly pageShift: number;
  readonly size: bigint;
  readonly levels: number;
  readonly err: string;
  readonly kb: number;
}

const ROWS: readonly Row[] = readFileSync(
  new URL('../../../vectors/powernv/windows.csv', import.meta.url),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((text, at): Row => {
    const [, , , pageShift, size = '', levels, err = '', , kb] = text.split(',');
    const bytesOf = size.startsWith('0x') ? BigInt(size) : 1n << BigInt(Number(size) || 0);
    return {
      line: at + 1,
      pageShift: Number(pageShift),
      size: bytesOf,
      levels: Number(levels),
      err,
      kb: Number(kb),
    };
  })
  .slice(1);

/** VFIO refuses these before it asks for a table: pages that are not offered, the limit, a full container. */
const isOurs = ({ pageShift, err, kb }: Row): boolean =>
  [12, 16, 21, 30].includes(pageShift) &&
  !['ENOSPC', 'ENOTTY', 'EPERM'].includes(err) &&
  !(err === 'ENOMEM' && kb === 0);
/** Lines of calls that made VFIO's default window too. */
const WITH_DEFAULT = new Map([4, 152].map((line) => [line, 8192]));

const sizeOf = (host: Host, pageShift: number, windowSize: bigint, levels: number): bigint => {
  const result = groupAnswer(send(host, call('get_table_size', { group: 0, pageShift, windowSize, levels })));
  return result.ok ? result.bytes! : -1n;
};

describe('tables as a recorded kernel created or refused them', () => {
  const host = started({}, claim());
  test('most rows are ours to answer', () => {
    expect([ROWS.length, ROWS.filter(isOurs).length]).toEqual([181, 168]);
  });
  test.each(ROWS.filter(isOurs))(
    'line $line: pages 2^$pageShift, size $size, levels $levels → $err',
    (row) => {
      const charged = sizeOf(host, row.pageShift, row.size, row.levels);
      expect(charged + BigInt(WITH_DEFAULT.get(row.line) ?? 0) * 1024n).toBe(BigInt(row.kb) * 1024n);
      // VFIO goes on only where there is something to charge.
      if (charged === 0n) return expect(row.err).toBe('EINVAL');
      const stepped = send(host, create(0, row.pageShift, row.size, row.levels));
      expect(codeOf(stepped)).toBe(row.err === 'OK' ? 'ok' : row.err);
      if (row.err === 'OK') expect(createdIn(stepped).allocatedBytes).toBe(charged);
      else expect(stateOf(stepped.host)).toEqual(stateOf(host));
    },
  );
});

const GIB = 1n << 30n;
const owned = (options: Options = {}): Host => {
  const host = started(options);
  const by = host.context.config.features.groupDevices;
  return send(host, by === 'perDevice' ? claim() : call('take_ownership', { group: 0 })).host;
};

describe('create_table', () => {
  test.each`
    case                                     | num  | shift | size         | levels | offset       | entries
    ${'window 0 begins at 0'}                | ${0} | ${12} | ${2n * GIB}  | ${1}   | ${0n}        | ${0x80000}
    ${'window 1 begins at 2^59'}             | ${1} | ${16} | ${GIB}       | ${1}   | ${1n << 43n} | ${0x4000}
    ${'less than a page of TCEs is rounded'} | ${0} | ${16} | ${1n << 16n} | ${1}   | ${0n}        | ${8192}
    ${'less than an IOMMU page is, too'}     | ${0} | ${21} | ${1n << 20n} | ${1}   | ${0n}        | ${8192}
    ${'a window of two levels'}              | ${1} | ${16} | ${1n << 40n} | ${2}   | ${1n << 43n} | ${2 ** 24}
  `('$case', ({ num, shift, size, levels, offset, entries }) => {
    expect(createdIn(send(owned(), create(num, shift, size, levels)))).toMatchObject({
      offset,
      size: entries,
      levels,
      pageShift: shift,
    });
  });

  test.each`
    case                         | shift | size         | levels | pages | code
    ${'no level'}                | ${16} | ${GIB}       | ${0}   | ${16} | ${'EINVAL'}
    ${'six levels'}              | ${16} | ${GIB}       | ${6}   | ${16} | ${'EINVAL'}
    ${'no power of two'}         | ${16} | ${GIB + 1n}  | ${1}   | ${16} | ${'EINVAL'}
    ${'more bits than walked'}   | ${16} | ${1n << 47n} | ${3}   | ${16} | ${'EINVAL'}
    ${'five levels at 4K'}       | ${12} | ${1n << 47n} | ${5}   | ${12} | ${'EINVAL'}
    ${'four levels at 4K'}       | ${12} | ${1n << 47n} | ${4}   | ${12} | ${'ok'}
    ${'a level above 16 MiB'}    | ${16} | ${1n << 38n} | ${1}   | ${16} | ${'ENOMEM'}
    ${'a level of 16 MiB'}       | ${16} | ${1n << 37n} | ${1}   | ${16} | ${'ok'}
    ${'the same of a 4K kernel'} | ${16} | ${1n << 38n} | ${1}   | ${12} | ${'ENOMEM'}
    ${'16 MiB of a 4K kernel'}   | ${16} | ${1n << 37n} | ${1}   | ${12} | ${'ok'}
  `('$case → $code', ({ shift, size, levels, pages, code }) => {
    expect(codeOf(send(owned({ pages }), create(0, shift, size, levels)))).toBe(code);
  });

  test('an allocation that fails leaves the very same state but for the failure itself', () => {
    const host = owned();
    const failing = send(send(host, fail('create_table')).host, create(0, 16, GIB, 1));
    expect(codeOf(failing)).toBe('ENOMEM');
    expect(stateOf(failing.host)).toEqual(stateOf(host));
    expect(codeOf(send(failing.host, create(0, 16, GIB, 1)))).toBe('ok');
  });

  test('of a group that does not exist → ENODEV', () => {
    expect(codeOf(send(owned(), create(0, 16, GIB, 1, 9)))).toBe('ENODEV');
  });

  test('the top level alone is allocated, in both copies; until 4.19 the whole tree', () => {
    const asked = create(1, 16, 1n << 40n, 2);
    expect(costsOf(send(owned(), asked))).toEqual({ 'table-page': 2 });
    const old = send(owned({ linux: 'linux-4.18' }), asked);
    expect(costsOf(old)).toEqual({ 'table-page': 2 * (1 + 2048) });
    // Until then one copy was charged, and what was allocated for it counted as the table's size.
    expect(sizeOf(old.host, 16, 1n << 40n, 2)).toBe(0x801_0000n);
    expect(createdIn(old).allocatedBytes).toBe(0x801_0000n);
  });

  test('linux-4.20 charges both copies of a whole tree, and counts the top level of one as its size (B-42)', () => {
    const host = owned({ linux: 'linux-4.20' });
    expect(sizeOf(host, 16, 1n << 40n, 2)).toBe(0x1002_0000n);
    expect(createdIn(send(host, create(1, 16, 1n << 40n, 2))).allocatedBytes).toBe(0x1_0000n);
  });
});

describe('the host’s own window', () => {
  const own = (options: Options) => {
    const { context } = started(options);
    const { pageShift, size, levels, map } = context.tables[0]!;
    return [pageShift, size, levels, ...map!.reserved];
  };
  const ram = (ramBytes: bigint) => ({ config: { ramBytes: ramBytes as never } });
  test.each`
    case                                    | options                                | window
    ${'4 GiB, MMIO below 4 GiB left out'}   | ${{}}                                  | ${[16, 0x10000, 2, 0x8000, 0x10000]}
    ${'2 GiB'}                              | ${ram(2n * GIB)}                       | ${[16, 0x8000, 2, 0, 0]}
    ${'memory rounded down'}                | ${ram(7n * GIB)}                       | ${[16, 0x10000, 2, 0x8000, 0x10000]}
    ${'256 GiB'}                            | ${ram(256n * GIB)}                     | ${[16, 0x40_0000, 2, 0x8000, 0x10000]}
    ${'16 TiB, more than the map may have'} | ${ram(1n << 44n)}                      | ${[16, 2 ** 27, 2, 0x8000, 0x10000]}
    ${'a 4K kernel'}                        | ${{ pages: 12 }}                       | ${[12, 0x10_0000, 2, 0x8_0000, 0x10_0000]}
    ${'until linux-5.2'}                    | ${{ linux: 'linux-5.2' }}              | ${[12, 0x8_0000, 1, 0, 0]}
    ${'until linux-5.2, 1 GiB'}             | ${{ linux: 'linux-5.2', ...ram(GIB) }} | ${[12, 0x4_0000, 1, 0, 0]}
  `('$case', ({ options, window }) => expect(own(options)).toEqual(window));
});
