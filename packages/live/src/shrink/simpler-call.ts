import type { PhbDevice } from '@spapr-dma/protocol';
import type { DmaMade, HcallMade, QemuCall, RtasMade } from '@spapr-dma/trace';

/** Bits that are cleared in an address at once: large ones first, since a window may start at 2^59. */
const ADDRESS_BITS = [56n, 40n, 30n, 24n, 20n, 16n, 12n];
/** Entries that are simpler than others: none, and the first page with each permission. */
const PLAIN_TCES = [0n, 3n, 1n, 2n];
/** From here down, a number is also tried one by one. */
const SMALL = 64n;
/** The same for cells: shifts are told apart by the bits of their bytes. */
const SHIFTS = 0xff;

/** Smaller addresses: each keeps the high bits. */
const simplerAddresses = (address: bigint): bigint[] => [
  0n,
  ...ADDRESS_BITS.map((bits) => (address >> bits) << bits),
];

const simplerCounts = (count: bigint): bigint[] =>
  count === 0n ? [] : [0n, 1n, count / 2n, ...(count <= SMALL ? [count - 1n] : [])];

/** The argument's place, and what may stand there; each is smaller, so that an end is reached. */
const simplerArguments: Readonly<
  Record<HcallMade['op'], readonly (readonly [number, (value: bigint) => bigint[]])[]>
> = {
  H_PUT_TCE: [
    [1, simplerAddresses],
    [2, () => PLAIN_TCES],
  ],
  H_GET_TCE: [[1, simplerAddresses]],
  H_STUFF_TCE: [
    [1, simplerAddresses],
    [2, () => PLAIN_TCES],
    [3, simplerCounts],
  ],
  H_PUT_TCE_INDIRECT: [
    [1, simplerAddresses],
    [3, simplerCounts],
  ],
};

function simplerHcalls(call: HcallMade): HcallMade[] {
  const simpler: HcallMade[] = [];
  for (const [at, values] of simplerArguments[call.op]) {
    const value = call.args[at];
    if (value === undefined) continue;
    for (const other of values(value)) {
      if (other < value) simpler.push({ ...call, args: call.args.with(at, other) });
    }
  }
  return [...simpler, ...simplerLists(call.list).map((list) => ({ ...call, list }))];
}

/** Zeros follow a list, so a shorter one has simpler entries. */
function simplerLists(list: readonly bigint[]): (readonly bigint[])[] {
  if (list.length === 0) return [];
  const shorter = [[], list.slice(0, list.length >> 1), list.slice(0, -1)];
  const plainer = list.flatMap((tce, at) =>
    BigInt(list.length) > SMALL
      ? []
      : PLAIN_TCES.filter((plain) => plain < tce).map((plain) => list.with(at, plain)),
  );
  return [...shorter, ...plainer];
}

const simplerRtas = (call: RtasMade): RtasMade[] =>
  call.args.flatMap((cell, at) =>
    [0, cell >>> 1, ...(cell <= SHIFTS ? [cell - 1] : [])]
      .filter((other) => other >= 0 && other < cell)
      .map((other) => ({ ...call, args: call.args.with(at, other) })),
  );

const simplerDma = (call: DmaMade): DmaMade[] => [
  ...simplerAddresses(call.ioba)
    .filter((ioba) => ioba < call.ioba)
    .map((ioba) => ({ ...call, ioba })),
  ...simplerCounts(BigInt(call.bytes))
    .filter((bytes) => bytes > 0n && bytes < call.bytes)
    .map((bytes) => ({ ...call, bytes: Number(bytes) })),
];

/** The PHB with one property less: the machine version's default takes its place. */
export function simplerPhbs(phb: PhbDevice): PhbDevice[] {
  const { driver, index, ...properties } = phb;
  return Object.keys(properties).map((left) => ({
    driver,
    index,
    ...Object.fromEntries(Object.entries(properties).filter(([name]) => name !== left)),
  }));
}

/** Calls like this one, but simpler, the simplest first. Simplifying again and again comes to an end. */
export function simplerCalls(call: QemuCall): QemuCall[] {
  switch (call.kind) {
    case 'hcall':
      return simplerHcalls(call);
    case 'rtas':
      return simplerRtas(call);
    case 'dma':
      return simplerDma(call);
    case 'monitor':
      return call.op === 'device_add' && call.device.driver === 'spapr-pci-host-bridge'
        ? simplerPhbs(call.device).map((device) => ({ ...call, device }))
        : [];
  }
}
