import type { DmaPiece } from '@spapr-dma/protocol';
import { ioba } from '@spapr-dma/protocol';
import { Fields } from './fields.js';
import type { FormatVersion } from './meta-line.js';
import { phbOf } from './phb-fields.js';
import type {
  DmaMade,
  HcallMade,
  HcallOp,
  MonitorMade,
  QemuAnswer,
  QemuCall,
  RtasMade,
  RtasOp,
} from './qemu-call.js';

/** One call of a file, and what became of it. */
export interface CallLine {
  /** Its number; a file may begin with any. */
  readonly n: number;
  readonly call: QemuCall;
  readonly answer: QemuAnswer;
}

const HCALL_ARGS: Readonly<Record<HcallOp, number>> = {
  H_PUT_TCE: 3,
  H_GET_TCE: 2,
  H_STUFF_TCE: 4,
  H_PUT_TCE_INDIRECT: 4,
};
/** RTAS calls, with the version that has them first. */
const RTAS_OPS: Readonly<Record<RtasOp, FormatVersion>> = {
  'ibm,query-pe-dma-window': 1,
  'ibm,create-pe-dma-window': 1,
  'ibm,remove-pe-dma-window': 1,
  'ibm,reset-pe-dma-window': 1,
  'ibm,set-tce-bypass': 2,
  quiesce: 2,
  'set-indicator': 2,
  'get-sensor-state': 2,
  'ibm,configure-connector': 2,
};
type MonitorOp = MonitorMade['op'];
const MONITOR_OPS: readonly string[] = [
  'system_reset',
  'migrate',
  'device_add',
  'device_del',
  'rcu',
] satisfies MonitorOp[];
const DMA_OPS: readonly string[] = ['dma-read', 'dma-write'] satisfies DmaMade['op'][];

/** Cells that an RTAS call has room for, in each direction. */
const CELLS_MAX = 16;
/** A transfer of `edu`, whose buffer holds one byte more. */
const DMA_BYTES_MAX = 4095;
const DEVFN_MAX = 255;
/** A command may ask for a PHB that no machine can have, and is refused. */
const COMMAND_INDEX_MAX = 255;
const ID_LENGTH_MAX = 64;
/** What QEMU takes for the name of a device. */
const ID = /^[A-Za-z][A-Za-z0-9._-]*$/;
const OUTCOMES = ['ram', 'zeros', 'dropped'] as const satisfies DmaPiece['outcome'][];

/**
 * Reads one call with its answer.
 * @throws InputError naming the field that is wrong
 */
export function parseCallLine(text: string, line: number, version: FormatVersion = 2): CallLine {
  const fields = Fields.parse(text, line);
  const n = fields.number('n');
  const op = fields.string('op');
  if (Object.hasOwn(HCALL_ARGS, op)) {
    const call = hcallOf(fields, op as HcallOp);
    return { n, call, answer: abortOf(fields) ?? hcallAnswer(fields) };
  }
  if (Object.hasOwn(RTAS_OPS, op) && version >= RTAS_OPS[op as RtasOp]) {
    const call = rtasOf(fields, op as RtasOp);
    return { n, call, answer: abortOf(fields) ?? rtasAnswer(fields) };
  }
  if (version === 2 && DMA_OPS.includes(op)) {
    const call = dmaOf(fields, op as DmaMade['op']);
    return { n, call, answer: abortOf(fields) ?? dmaAnswer(fields) };
  }
  if (version === 2 && MONITOR_OPS.includes(op)) {
    const call = monitorOf(fields, op as MonitorOp);
    return { n, call, answer: abortOf(fields) ?? monitorAnswer(fields) };
  }
  return fields.wrong(`has an operation that the format does not know: ${JSON.stringify(op)}`);
}

/** QEMU went with this call; what it said last is for people. */
function abortOf(fields: Fields): QemuAnswer | null {
  if (!fields.has('abort')) return null;
  const text = fields.value('abort');
  return { kind: 'abort', text: typeof text === 'string' ? text : '' };
}

function hcallOf(fields: Fields, op: HcallOp): HcallMade {
  const args = fields.list('a').map((value) => fields.hex('a', value, 64));
  if (args.length !== HCALL_ARGS[op])
    fields.wrong(`has ${args.length} arguments for ${op}, which takes ${HCALL_ARGS[op]}`);
  const list =
    op === 'H_PUT_TCE_INDIRECT' ? fields.list('list').map((value) => fields.hex('list', value, 64)) : [];
  return { kind: 'hcall', op, args, list };
}

const hcallAnswer = (fields: Fields): QemuAnswer => ({
  kind: 'hcall',
  rc: fields.number('rc'),
  tce: fields.has('tce') ? fields.hex('tce', fields.string('tce'), 64) : null,
});

function rtasOf(fields: Fields, op: RtasOp): RtasMade {
  const nret = fields.number('nret');
  if (nret < 0 || nret > CELLS_MAX) fields.wrong(`asks for ${nret} return cells; RTAS has 0 to ${CELLS_MAX}`);
  const args = fields.list('a').map((value) => Number(fields.hex('a', value, 32)));
  if (args.length > CELLS_MAX)
    fields.wrong(`gives ${args.length} argument cells; RTAS has 0 to ${CELLS_MAX}`);
  return { kind: 'rtas', op, args, nret };
}

function rtasAnswer(fields: Fields): QemuAnswer {
  const [status, ...outputs] = fields.list('rets');
  if (status !== undefined && !(typeof status === 'number' && Number.isInteger(status)))
    fields.wrong("has a status in 'rets' that is no whole number");
  const cells = outputs.map((cell) => Number(fields.hex('rets', cell, 32)));
  return {
    kind: 'rtas',
    rc: fields.number('rc'),
    rets: status === undefined ? [] : [status as number, ...cells],
  };
}

const dmaOf = (fields: Fields, op: DmaMade['op']): DmaMade => ({
  kind: 'dma',
  op,
  phb: fields.numberIn('phb', 0, COMMAND_INDEX_MAX),
  ioba: fields.hex('ioba', fields.value('ioba'), 64),
  bytes: fields.numberIn('bytes', 1, DMA_BYTES_MAX),
});

const pieceOf = (piece: Fields): DmaPiece => ({
  ioba: ioba(piece.hex('ioba', piece.value('ioba'), 64)),
  bytes: piece.numberIn('bytes', 1, DMA_BYTES_MAX),
  gpa: piece.value('gpa') === null ? null : piece.hex('gpa', piece.value('gpa'), 64),
  outcome: piece.oneOf('outcome', OUTCOMES),
});

const dmaAnswer = (fields: Fields): QemuAnswer => ({
  kind: 'dma',
  pieces: fields.objects('pieces').map(pieceOf),
});

function idOf(fields: Fields): string {
  const id = fields.string('id');
  if (id.length > ID_LENGTH_MAX || !ID.test(id))
    fields.wrong("has an 'id' that QEMU would not take for the name of a device");
  return id;
}

function monitorOf(fields: Fields, op: MonitorOp): MonitorMade {
  const kind = 'monitor';
  if (op === 'device_add') {
    const device = fields.object('device');
    return device.oneOf('driver', ['spapr-pci-host-bridge', 'pci']) === 'pci'
      ? { kind, op, device: pciOf(device) }
      : { kind, op, device: phbOf(device, COMMAND_INDEX_MAX) };
  }
  if (op === 'device_del') {
    const target = fields.object('target');
    return target.oneOf('kind', ['phb', 'pci']) === 'pci'
      ? { kind, op, target: { kind: 'pci', id: idOf(target) } }
      : { kind, op, target: { kind: 'phb', index: target.numberIn('index', 0, COMMAND_INDEX_MAX) } };
  }
  return { kind, op };
}

const pciOf = (device: Fields) =>
  ({
    driver: 'pci',
    id: idOf(device),
    phb: device.numberIn('phb', 0, COMMAND_INDEX_MAX),
    devfn: device.numberIn('devfn', 0, DEVFN_MAX),
  }) as const;

function monitorAnswer(fields: Fields): QemuAnswer {
  return { kind: 'monitor', error: fields.value('error') === null ? null : fields.string('error') };
}
