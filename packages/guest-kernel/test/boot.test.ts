import { expect, test } from 'vitest';
import { bootedGuest, command, Guest, lines, MASK_64, powerOn } from './fake-hypervisor.ts';

test('boot clears the default window with 512 H_STUFF_TCE of 512, then queries once', () => {
  const guest = new Guest();
  const sent = lines(guest.settle(powerOn()));
  expect(sent[0]).toBe('quiesce');
  const stuffs = sent.slice(1, 513);
  expect(stuffs[0]).toBe('stuff 0x80000000 0x0 512');
  expect(stuffs.at(-1)).toBe('stuff 0x80000000 0x3fe00000 512');
  expect(sent.slice(513)).toEqual(['ibm,query-pe-dma-window 0x0 0x8000000 0x20000000', 'booted']);
});

test('a 64-bit driver queries, creates a window of 16M pages, and maps 2 GiB with one indirect of 128', () => {
  const guest = bootedGuest();
  const sent = guest.settle(command(0, { type: 'probe', device: 'nvme0', dmaMask: MASK_64 } as const));
  expect(lines(sent)).toEqual([
    'ibm,query-pe-dma-window 0x0 0x8000000 0x20000000',
    'ibm,create-pe-dma-window 0x0 0x8000000 0x20000000 0x18 0x20',
    'indirect 0x80000001 0x800000000000000 128',
    'probed',
  ]);
});
