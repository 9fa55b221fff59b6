import { readdirSync, readFileSync } from 'node:fs';
import {
  bytes,
  hcallNumber,
  ioba,
  type PhbDevice,
  RTAS_STATUSES,
  type RtasStatus,
  rtasNumber,
} from '@spapr-dma/protocol';
import type { QemuInput } from '../src/index.ts';
import {
  dma,
  get,
  hcall,
  hcallAnswer,
  indirect,
  piecesOf,
  put,
  type Qemu,
  rtas,
  rtasAnswer,
  running,
  send,
  stuff,
  systemReset,
} from './machine.ts';

/** A call that was made on a real QEMU, and what was seen of its answer; numbers are hex strings. */
export interface RecordedCall {
  readonly op: string;
  readonly a?: readonly string[];
  readonly nret?: number;
  /** What stood at the address of an INDIRECT's list; memory past it reads as 0. */
  readonly list?: readonly string[];
  /** r3, where it was seen. */
  readonly rc?: number;
  /** r4 of an H_GET_TCE. */
  readonly tce?: string;
  /** The return cells: status signed, then hex; 0xdeadbeef was left untouched. */
  readonly rets?: readonly (number | string)[];
  /** QEMU ended here. */
  readonly abort?: boolean;
  /** Not in the model, for this reason. */
  readonly unmodelled?: string;
  readonly gpa?: string;
  readonly ioba?: string;
  readonly bytes?: number;
  readonly value?: string;
  readonly got?: string;
  readonly holds?: string;
}
export interface RecordedCase {
  readonly group: string;
  readonly name: string;
  readonly calls: readonly RecordedCall[];
}
interface RecordedPhb {
  readonly index: number;
  readonly pgsz?: string;
  readonly winAddr?: string;
  readonly winSize?: string;
  readonly dma64?: string;
  readonly ddw?: boolean;
}
export interface CasesFile {
  readonly phbs: readonly RecordedPhb[];
  readonly vscsi: boolean;
  readonly cases: readonly RecordedCase[];
}

const folder = new URL('../../../vectors/qemu-7.2/cases/', import.meta.url);
export const caseFiles: readonly (readonly [string, CasesFile])[] = readdirSync(folder)
  .sort()
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as CasesFile]);

const phbOf = ({ index, pgsz, winAddr, winSize, dma64, ddw }: RecordedPhb): PhbDevice => ({
  driver: 'spapr-pci-host-bridge',
  index,
  ...(pgsz === undefined ? {} : { pgsz: BigInt(pgsz) }),
  ...(winAddr === undefined ? {} : { dmaWinAddr: ioba(BigInt(winAddr)) }),
  ...(winSize === undefined ? {} : { dmaWinSize: bytes(BigInt(winSize)) }),
  ...(dma64 === undefined ? {} : { dma64WinAddr: ioba(BigInt(dma64)) }),
  ...(ddw === undefined ? {} : { ddw }),
});
export const inputOf = ({ phbs, vscsi }: CasesFile): QemuInput => ({
  devices: [
    ...phbs.map(phbOf),
    ...(vscsi
      ? [{ driver: 'spapr-vscsi', reg: 0x7100_0001, rtceWindowBytes: bytes(0x1000_0000n) } as const]
      : []),
  ],
});

/** A machine, and guest memory that was ever filled, byte by byte. */
export interface Bench {
  readonly qemu: Qemu;
  readonly ram: Map<bigint, number>;
}

/** Bytes in short: `16x11 8xa5`. */
const inShort = (content: readonly number[]): string => {
  const runs: [number, number][] = [];
  for (const byte of content) {
    const last = runs.at(-1);
    if (last?.[1] === byte) last[0] += 1;
    else runs.push([1, byte]);
  }
  return runs.map(([count, byte]) => `${count}x${byte.toString(16).padStart(2, '0')}`).join(' ');
};
const range = (count: number) => Array.from({ length: count }, (_, i) => BigInt(i));

function readByDevice({ qemu, ram }: Bench, at: bigint, count: number): string {
  const pieces = piecesOf(send(qemu, dma('read', at, count)));
  return inShort(
    pieces.flatMap(({ bytes: length, gpa }) =>
      range(length).map((i) => (gpa === null ? 0 : (ram.get(gpa + i) ?? 0))),
    ),
  );
}
function writeByDevice({ qemu, ram }: Bench, at: bigint, count: number, value: number): Map<bigint, number> {
  const written = new Map(ram);
  for (const { bytes: length, gpa } of piecesOf(send(qemu, dma('write', at, count)))) {
    if (gpa !== null) for (const i of range(length)) written.set(gpa + i, value);
  }
  return written;
}

/** The same call as a message. */
function messageOf({ op, a = [], nret = 1, list = [] }: RecordedCall) {
  const [one = 0n, two = 0n, three = 0n, four = 0n] = a.map(BigInt);
  switch (op) {
    case 'H_PUT_TCE':
      return put(one, two, three);
    case 'H_GET_TCE':
      return get(one, two);
    case 'H_STUFF_TCE':
      return stuff(one, two, three, four);
    case 'H_PUT_TCE_INDIRECT':
      return indirect(one, two, list.map(BigInt), { tceList: three, npages: four });
    case 'hcall':
      return hcall({ type: 'hcall', opcode: one });
    case 'system_reset':
      return systemReset;
    default:
      return rtas(op as Parameters<typeof rtas>[0], a.map(Number), nret);
  }
}

const isRtasStatus = (status: string): status is RtasStatus => status in RTAS_STATUSES;

/** What was observed and what the machine says, in the same words. */
export interface Compared {
  readonly after: Bench;
  readonly observed: unknown;
  readonly said: unknown;
}

/** Makes one recorded call on the machine. */
export function replay(bench: Bench, call: RecordedCall, input: QemuInput): Compared {
  const same = (after: Bench): Compared => ({ after, observed: undefined, said: undefined });
  const { gpa = '0', ioba: at = '0', bytes: count = 0, value = '0' } = call;
  if (call.op === 'fresh') return same({ qemu: running(input), ram: new Map() });
  if (call.op === 'fill') {
    const filled = new Map(bench.ram);
    for (const i of range(count)) filled.set(BigInt(gpa) + i, Number(value));
    return same({ ...bench, ram: filled });
  }
  if (call.op === 'dma-write') {
    return same({ ...bench, ram: writeByDevice(bench, BigInt(at), count, Number(value)) });
  }
  if (call.op === 'dma-read') {
    const said = readByDevice(bench, BigInt(at), count);
    return { after: bench, observed: call.got, said: call.got === undefined ? undefined : said };
  }
  if (call.op === 'ram') {
    const said = inShort(range(count).map((i) => bench.ram.get(BigInt(gpa) + i) ?? 0));
    return { after: bench, observed: call.holds, said };
  }
  const stepped = send(bench.qemu, messageOf(call));
  const after = { ...bench, qemu: stepped.qemu };
  if (call.abort || call.op === 'system_reset') {
    return { after, observed: call.abort ? 'aborted' : 'running', said: stepped.qemu.value };
  }
  if (call.rc === undefined) return same(after);
  if (call.rets === undefined) {
    const { status, tce } = hcallAnswer(stepped);
    const seen = { rc: call.rc, ...(call.tce === undefined ? {} : { tce: BigInt(call.tce) }) };
    return { after, observed: seen, said: { rc: hcallNumber(status), ...(tce === null ? {} : { tce }) } };
  }
  const { status, outputs, hcallStatus } = rtasAnswer(stepped);
  const number = isRtasStatus(status) ? rtasNumber(status) : status;
  const cells = call.rets.map((_, i) => (i === 0 ? number : (outputs[i - 1] ?? 0xdead_beef)));
  return {
    after,
    observed: { rc: call.rc, rets: call.rets.map(Number) },
    said: { rc: hcallNumber(hcallStatus), rets: cells },
  };
}
