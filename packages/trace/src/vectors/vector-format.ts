import type { PhbDevice, RtasName, TceHcall } from '@spapr-dma/protocol';
import { Fields } from './fields.js';

/** The calls that a file of vectors may hold. */
export type HcallOp = TceHcall['type'];
export type RtasOp = Extract<RtasName, `ibm,${string}-pe-dma-window`>;

/** One recorded hypercall and its answer. */
export interface HcallVector {
  readonly kind: 'hcall';
  readonly n: number;
  readonly op: HcallOp;
  readonly args: readonly bigint[];
  /** TCEs at the list's address; empty for the other calls. */
  readonly list: readonly bigint[];
  readonly rc: number | null;
  readonly tce: bigint | null;
  readonly abort: boolean;
}

/** One recorded RTAS call and its answer: the return cells as the file has them. */
export interface RtasVector {
  readonly kind: 'rtas';
  readonly n: number;
  readonly op: RtasOp;
  readonly args: readonly number[];
  readonly nret: number;
  readonly rc: number | null;
  readonly rets: readonly (number | string)[] | null;
  readonly abort: boolean;
}

export type Vector = HcallVector | RtasVector;

/** The first line: which machine gave the answers. */
export interface VectorMeta {
  readonly qemu: string;
  readonly phbs: readonly PhbDevice[];
}

const HCALL_ARGS: Readonly<Record<HcallOp, number>> = {
  H_PUT_TCE: 3,
  H_GET_TCE: 2,
  H_STUFF_TCE: 4,
  H_PUT_TCE_INDIRECT: 4,
};
const RTAS_OPS: ReadonlySet<string> = new Set<RtasOp>([
  'ibm,query-pe-dma-window',
  'ibm,create-pe-dma-window',
  'ibm,remove-pe-dma-window',
  'ibm,reset-pe-dma-window',
]);
const RETURN_CELLS_MAX = 16;

/** The properties of one PHB of the first line; what is left out has QEMU's default. */
function phbOf(fields: Fields, value: unknown): PhbDevice {
  if (typeof value !== 'object' || value === null) fields.wrong("has a PHB in 'phbs' that is no object");
  const phb = value as Readonly<Record<string, unknown>>;
  const { index } = phb;
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > 30) {
    fields.wrong("has a PHB in 'phbs' without an index from 0 to 30");
  }
  const hex = (name: string) => (phb[name] === undefined ? undefined : fields.hex(name, phb[name], 64));
  const [pgsz, dmaWinAddr, dmaWinSize, dma64WinAddr] = ['pgsz', 'winAddr', 'winSize', 'dma64'].map(hex);
  return {
    driver: 'spapr-pci-host-bridge',
    index: index as number,
    ...(pgsz !== undefined && { pgsz }),
    ...(dmaWinAddr !== undefined && { dmaWinAddr: dmaWinAddr as PhbDevice['dmaWinAddr'] & bigint }),
    ...(dmaWinSize !== undefined && { dmaWinSize: dmaWinSize as PhbDevice['dmaWinSize'] & bigint }),
    ...(dma64WinAddr !== undefined && { dma64WinAddr: dma64WinAddr as PhbDevice['dma64WinAddr'] & bigint }),
    ...(typeof phb.ddw === 'boolean' && { ddw: phb.ddw }),
  };
}

/**
 * Reads the first line.
 * @throws InputError naming the field that is wrong
 */
export function parseMeta(text: string, line: number): VectorMeta {
  const fields = new Fields(text, line);
  if (!fields.has('meta')) fields.wrong("is no vectors file: the first line has no 'meta'");
  if (fields.number('meta') !== 1) {
    fields.wrong(`has version ${fields.number('meta')} of the vectors format; only version 1 is known`);
  }
  const phbs = fields.list('phbs').map((phb) => phbOf(fields, phb));
  if (new Set(phbs.map(({ index }) => index)).size !== phbs.length)
    fields.wrong("has two PHBs of one index in 'phbs'");
  return { qemu: fields.string('qemu'), phbs };
}

/**
 * Reads one call.
 * @throws InputError naming the field that is wrong
 */
export function parseVector(text: string, line: number): Vector {
  const fields = new Fields(text, line);
  const n = fields.number('n');
  const op = fields.string('op');
  const abort = fields.has('abort');
  if (Object.hasOwn(HCALL_ARGS, op)) return hcallVector(fields, n, op as HcallOp, abort);
  if (RTAS_OPS.has(op)) return rtasVector(fields, n, op as RtasOp, abort);
  return fields.wrong(`has an operation that the format does not know: ${JSON.stringify(op)}`);
}

function hcallVector(fields: Fields, n: number, op: HcallOp, abort: boolean): HcallVector {
  const args = fields.list('a').map((value) => fields.hex('a', value, 64));
  if (args.length !== HCALL_ARGS[op])
    fields.wrong(`has ${args.length} arguments for ${op}, which takes ${HCALL_ARGS[op]}`);
  const list =
    op === 'H_PUT_TCE_INDIRECT' ? fields.list('list').map((value) => fields.hex('list', value, 64)) : [];
  return {
    kind: 'hcall',
    n,
    op,
    args,
    list,
    rc: abort ? null : fields.number('rc'),
    tce: fields.has('tce') ? fields.hex('tce', fields.string('tce'), 64) : null,
    abort,
  };
}

function rtasVector(fields: Fields, n: number, op: RtasOp, abort: boolean): RtasVector {
  const nret = fields.number('nret');
  if (nret < 0 || nret > RETURN_CELLS_MAX)
    fields.wrong(`asks for ${nret} return cells; RTAS has 0 to ${RETURN_CELLS_MAX}`);
  const args = fields.list('a').map((value) => Number(fields.hex('a', value, 32)));
  return {
    kind: 'rtas',
    n,
    op,
    args,
    nret,
    rc: abort ? null : fields.number('rc'),
    rets: abort ? null : (fields.list('rets') as readonly (number | string)[]),
    abort,
  };
}
