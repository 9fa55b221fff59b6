import type { Run } from './run.ts';
import type { Fields } from './switch-case.ts';

/** Functions of the host, each alone in its group. */
export const NVME = { id: 'nvme', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 } as const;
export const NIC = { id: 'nic', phb: 0, devfn: 16, host: '0002:01:00.0', group: 1 } as const;

export const HOST = {
  pageShift: 12,
  phbs: [
    { phb: 1, devices: [{ device: NVME.host }] },
    { phb: 2, devices: [{ device: NIC.host }] },
  ],
} as const;

/** A guest that we play, in KVM, with a default window of 16 entries. */
export const BARE: Fields = {
  guest: false,
  kvm: true,
  host: HOST,
  phbs: [{ index: 0, dmaWinSize: '0x10000' }],
};
/** The same with a function passed through from the start. */
export const PASSED: Fields = { ...BARE, devices: [NVME] };

export const reset = { do: 'system_reset' } as const;
/** The default window. */
const LIOBN = '0x80000000';
export const DDW = { liobn: '0x80000001' } as const;
export const DDW_START = 0x800000000000000n;
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

export const put = (ioba: number | bigint, tce: number, more: Fields = {}): Fields => ({
  do: 'H_PUT_TCE',
  liobn: LIOBN,
  ioba: hex(ioba),
  tce: hex(tce),
  ...more,
});
export const putList = (ioba: number | bigint, tces: readonly number[], more: Fields = {}): Fields => ({
  do: 'H_PUT_TCE_INDIRECT',
  liobn: LIOBN,
  ioba: hex(ioba),
  tces: tces.map(hex),
  ...more,
});
export const stuff = (ioba: number | bigint, npages: number, more: Fields = {}): Fields => ({
  do: 'H_STUFF_TCE',
  liobn: LIOBN,
  ioba: hex(ioba),
  tceValue: '0x0',
  npages: hex(npages),
  ...more,
});
export const get = (ioba: number | bigint, more: Fields = {}): Fields => ({
  do: 'H_GET_TCE',
  liobn: LIOBN,
  ioba: hex(ioba),
  ...more,
});
export const create = (pageShift: number, windowShift: number): Fields => ({
  do: 'ibm,create-pe-dma-window',
  phb: 0,
  pageShift,
  windowShift,
});
export const remove = (liobn: string): Fields => ({ do: 'ibm,remove-pe-dma-window', liobn });
export const plug = (device: Fields = NVME): Fields => ({ do: 'device_add-vfio', ...device });
export const unplug = (id: string = NVME.id): Fields => ({ do: 'device_del-pci', id });
/** As soon as so many messages of a type have arrived. */
export const once = (seen: string, times = 1): Fields => ({ when: { seen, times } });

/** What the guest was answered. */
export const answers = ({ arrived }: Run): readonly string[] =>
  arrived.filter(({ to, type }) => to === 'guest-kernel' && type.endsWith('-return')).map(({ text }) => text);

/** How often messages of a type arrived. */
export const times = ({ arrived }: Run, type: string, text = ''): number =>
  arrived.filter((each) => each.type === type && each.text.includes(text)).length;

/** The messages of some types, as they arrived. */
export const texts = ({ arrived }: Run, ...types: readonly string[]): readonly string[] =>
  arrived
    .filter(({ type }) => types.includes(type))
    .map(({ type, text }) => (text === '' ? type : `${type} ${text}`));

/** How often a function of the host's kernel ran. */
export const ran = ({ arrived }: Run, fn: string): number =>
  arrived.filter(({ type, message }) => type === 'effect' && 'fn' in message && message.fn === fn).length;

/** Calls of the guest that QEMU had to answer. */
export const exits = ({ arrived }: Run): number =>
  arrived.filter(({ from, to, type }) => from === 'kvm' && to === 'qemu-spapr' && !type.endsWith('-return'))
    .length;

/** What QEMU ended with; null where it did not. */
export const aborted = (run: Run): string | null => texts(run, 'qemu-aborted')[0] ?? null;

/** Entries mapped in the guest's view of a window, and in the hardware table of a group. */
export const mapped = ({ windows, host }: Run, window: 0 | 1 = 0, group = 0) => ({
  view: windows.find(({ liobn }) => liobn === 0x80000000 + window)?.mapped ?? null,
  hardware:
    host?.groups
      .find((each) => each.group === group)
      ?.windows.find(({ start }) => (start === 0n ? 0 : 1) === window)?.mapped ?? null,
});

/** What a kind of work amounted to. */
export const costOf = ({ arrived }: Run, operation: string): number =>
  arrived.reduce(
    (sum, { message }) =>
      message.type === 'cost' && 'operation' in message && message.operation === operation
        ? sum + (message as unknown as { readonly count: number }).count
        : sum,
    0,
  );
