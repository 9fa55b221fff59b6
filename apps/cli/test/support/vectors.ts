/** Calls as a real QEMU answered them, from a fresh machine on. */
export const meta = {
  meta: 1,
  qemu: '7.2.22',
  seed: 1,
  phbs: [{ index: 0 }, { index: 1, pgsz: '0x4011000', winSize: '0x100000', dma64: '0x100000000' }],
  args: '-M pseries',
};

export const calls = [
  { n: 0, op: 'H_PUT_TCE', a: ['0x80000101', '0x800000000000000', '0x4b88000'], rc: -4 },
  { n: 1, op: 'H_PUT_TCE', a: ['0x80000000', '0x1e000', '0x5cb0000'], rc: 0 },
  { n: 2, op: 'H_STUFF_TCE', a: ['0x80000100', '0xfa000', '0x729003', '0x3'], rc: 0 },
] as const;

/** One JSON object a line. */
export const lines = (...objects: readonly object[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\n`).join('');

export const recorded = lines(meta, ...calls);
