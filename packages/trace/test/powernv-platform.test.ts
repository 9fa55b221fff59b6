import { describe, expect, test } from 'vitest';
import { Arguments, placeIn } from '../src/powernv/arguments.ts';
import { platformOf } from '../src/powernv/platform.ts';
import { parseRow } from '../src/powernv/row.ts';
import { row } from './support/recording.ts';

const platform = (fields: object) => platformOf(parseRow(JSON.stringify(row({ ...fields })), 1));

describe('the fields of a line tell the host', () => {
  test.each`
    kernel                             | linux           | hostPageShift
    ${'6.12.95-64k'}                   | ${'linux-6.12'} | ${16}
    ${'6.12.95+deb12-powerpc64le-64k'} | ${'linux-6.12'} | ${16}
    ${'6.12.95+deb12-powerpc64le'}     | ${'linux-6.12'} | ${12}
    ${'6.12.95-4k'}                    | ${'linux-6.12'} | ${12}
    ${'6.12.95-x4k'}                   | ${'linux-6.12'} | ${12}
    ${'6.12.64'}                       | ${'linux-6.12'} | ${12}
    ${'6.18.0-64k'}                    | ${'linux-6.12'} | ${16}
    ${'7.2.13-64k'}                    | ${'linux-7.2'}  | ${16}
    ${'7.2.13+deb14-powerpc64le-64k'}  | ${'linux-7.2'}  | ${16}
    ${'7.10.1-64k'}                    | ${'linux-7.2'}  | ${16}
    ${'8.0.0-64k'}                     | ${'linux-7.2'}  | ${16}
  `('kernel $kernel is $linux with pages of 2^$hostPageShift bytes', ({ kernel, linux, hostPageShift }) => {
    expect(platform({ kernel })).toMatchObject({ linux, hostPageShift });
  });

  test.each`
    machine                             | phb       | ramBytes       | nobypass
    ${'powernv8'}                       | ${'PHB3'} | ${4n << 30n}   | ${false}
    ${'powernv9'}                       | ${'PHB4'} | ${4n << 30n}   | ${false}
    ${'powernv10'}                      | ${'PHB5'} | ${4n << 30n}   | ${false}
    ${'powernv9 -m 2G iommu=nobypass'}  | ${'PHB4'} | ${2n << 30n}   | ${true}
    ${'powernv9 iommu=nobypass -m 512'} | ${'PHB4'} | ${512n << 20n} | ${true}
    ${'powernv10 -m 6144M'}             | ${'PHB5'} | ${6n << 30n}   | ${false}
  `('machine $machine', ({ machine, phb, ramBytes, nobypass }) => {
    expect(platform({ machine })).toMatchObject({ phb, ramBytes, nobypass });
  });

  test.each`
    what                     | fields                             | text
    ${'an older kernel'}     | ${{ kernel: '5.10.0-64k' }}        | ${'names a kernel that is not described: "5.10.0-64k"'}
    ${'a name for a kernel'} | ${{ kernel: 'vanilla' }}           | ${'names a kernel that is not described'}
    ${'another machine'}     | ${{ machine: 'powernv11' }}        | ${'names a machine that is not described: "powernv11"'}
    ${'a word of objects'}   | ${{ machine: 'constructor' }}      | ${'names a machine that is not described'}
    ${'a size of memory'}    | ${{ machine: 'powernv9 -m much' }} | ${'with a size of memory that cannot be read'}
    ${'no size of memory'}   | ${{ machine: 'powernv9 -m' }}      | ${'with a size of memory that cannot be read'}
  `('$what is refused', ({ fields, text }) => {
    expect(() => platform(fields)).toThrow(
      `line 1 ${text.startsWith('with') ? 'names a machine ' : ''}${text}`,
    );
  });
});

describe('the arguments of a line', () => {
  const args = new Arguments(
    { line: 7 },
    'iova=0x800000000000000 n=64 vaddr=buf+0x10 far=0x1ffffffff VFIO_GROUP_ADD',
  );

  test('are words with a key, and words that stand alone', () => {
    expect(args.bigint('iova', 0n)).toBe(1n << 59n);
    expect(args.number('n')).toBe(64);
    expect(args.number('absent')).toBeNull();
    expect(args.bigint('absent', 5n)).toBe(5n);
    expect(args.place('vaddr')).toEqual({ kind: 'buffer', offset: 0x10n });
    expect(args.words).toEqual(['VFIO_GROUP_ADD']);
    expect(args.word(0, 'attribute')).toBe('VFIO_GROUP_ADD');
  });

  test.each`
    word                     | place
    ${'buf+0'}               | ${{ kind: 'buffer', offset: 0n }}
    ${'buf+0x42f0000'}       | ${{ kind: 'buffer', offset: 0x42f0000n }}
    ${'(nil)'}               | ${{ kind: 'absolute', address: 0n }}
    ${'0xffffffffffff0000'}  | ${{ kind: 'absolute', address: 0xffff_ffff_ffff_0000n }}
    ${'0x1ffffffffffffffff'} | ${null}
    ${'buf'}                 | ${null}
    ${'buf+-1'}              | ${null}
    ${''}                    | ${null}
  `('$word is a place', ({ word, place }) => expect(placeIn(word)).toEqual(place));

  test.each`
    what                         | read                              | text
    ${'no number'}               | ${() => args.bigint('vaddr', 0n)} | ${"line 7 has no 64-bit number in 'vaddr' of its args: buf+0x10"}
    ${'a number beyond 32 bits'} | ${() => args.number('far')}       | ${"line 7 has a value in 'far' of its args above 32 bits"}
    ${'a missing word'}          | ${() => args.word(1, 'device')}   | ${'line 7 has no device in its args'}
  `('$what is refused', ({ read, text }) => expect(read).toThrow(text));
});
