import type { PhbDevice, RtasName } from '@spapr-dma/protocol';
import { qemuLacks } from '@spapr-dma/qemu-process';
import type { HcallMade, QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';

export const lacks = qemuLacks();
/** For the names of tests that are skipped without QEMU. */
export const skipped = lacks === null ? '' : ` (skipped: ${lacks})`;

/** Properties with plain numbers in place of those with units. */
type Properties = {
  readonly [Name in keyof PhbDevice]?: PhbDevice[Name] extends bigint | undefined ? bigint : PhbDevice[Name];
};

export const phb = (index: number, properties: Omit<Properties, 'driver' | 'index'> = {}): PhbDevice =>
  ({ driver: 'spapr-pci-host-bridge', index, ...properties }) as PhbDevice;

export const machineOf = (phbs: readonly PhbDevice[], more: Partial<QemuMachine> = {}): QemuMachine => ({
  qemu: '7.2.22',
  machine: 'pseries-7.2',
  seed: null,
  phbs,
  vios: [],
  ramMb: 256,
  ...more,
});

const hcall = (op: HcallMade['op'], args: readonly bigint[], list: readonly bigint[] = []): HcallMade => ({
  kind: 'hcall',
  op,
  args,
  list,
});
export const put = (liobn: bigint, ioba: bigint, tce: bigint) => hcall('H_PUT_TCE', [liobn, ioba, tce]);
export const get = (liobn: bigint, ioba: bigint) => hcall('H_GET_TCE', [liobn, ioba]);
export const stuff = (liobn: bigint, ioba: bigint, tce: bigint, npages: bigint) =>
  hcall('H_STUFF_TCE', [liobn, ioba, tce, npages]);
export const indirect = (liobn: bigint, ioba: bigint, at: bigint, list: readonly bigint[], npages?: bigint) =>
  hcall('H_PUT_TCE_INDIRECT', [liobn, ioba, at, npages ?? BigInt(list.length)], list);

export const rtas = (op: Exclude<RtasName, 'rtas'>, args: readonly number[], nret: number) =>
  ({ kind: 'rtas', op, args, nret }) as const;
const buid = (index: number): readonly number[] => [0, 0x800_0000, 0x2000_0000 + index];
export const query = (index: number) => rtas('ibm,query-pe-dma-window', buid(index), 5);
export const create = (index: number, pageShift: number, windowShift: number) =>
  rtas('ibm,create-pe-dma-window', [...buid(index), pageShift, windowShift], 4);
export const remove = (liobn: number) => rtas('ibm,remove-pe-dma-window', [liobn], 1);
export const reset = (index: number) => rtas('ibm,reset-pe-dma-window', buid(index), 1);

export const dma = (access: 'read' | 'write', index: number, ioba: bigint, bytes: number) =>
  ({ kind: 'dma', op: `dma-${access}`, phb: index, ioba, bytes }) as const;

const monitor = <More extends object>(more: More) => ({ kind: 'monitor', ...more }) as const;
export const systemReset = monitor({ op: 'system_reset' } as const);
export const migrate = monitor({ op: 'migrate' } as const);
export const rcu = monitor({ op: 'rcu' } as const);
export const addPhb = (device: PhbDevice): QemuCall => monitor({ op: 'device_add', device });
export const addPci = (id: string, index: number, devfn: number): QemuCall =>
  monitor({ op: 'device_add', device: { driver: 'pci', id, phb: index, devfn } });
export const delPhb = (index: number): QemuCall =>
  monitor({ op: 'device_del', target: { kind: 'phb', index } });
export const delPci = (id: string): QemuCall => monitor({ op: 'device_del', target: { kind: 'pci', id } });

/** An answer in short: a code, a code with a TCE, a status with its cells, or pieces. */
export function inShort(answer: QemuAnswer): unknown {
  switch (answer.kind) {
    case 'hcall':
      return answer.tce === null ? answer.rc : `0x${answer.tce.toString(16)}`;
    case 'rtas':
      return answer.rets.map((cell) => (cell === 0xdead_beef ? '-' : cell));
    case 'dma':
      return answer.pieces
        .map(({ bytes, gpa, outcome }) =>
          gpa === null ? `${bytes} ${outcome}` : `${bytes} 0x${gpa.toString(16)}`,
        )
        .join(', ');
    case 'monitor':
      return answer.error === null ? 'done' : 'refused';
    case 'abort':
      return answer.text.replace(/^.*: (?=Assertion)/, '');
  }
}
