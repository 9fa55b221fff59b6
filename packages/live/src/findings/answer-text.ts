import { type DmaPiece, DR_STATUSES, hcallCodeOf, rtasStatusOf } from '@spapr-dma/protocol';
import type { QemuAnswer, QemuCall } from '@spapr-dma/trace';

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** What a return cell holds that nobody wrote. */
const UNTOUCHED = 0xdead_beef;

const DR_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DR_STATUSES).map(([name, value]) => [value, name]),
);
/** Calls whose status cells have numbers of their own. */
const DR_OPS: ReadonlySet<string> = new Set(['ibm,configure-connector', 'set-indicator', 'get-sensor-state']);

/** The status of an RTAS call by its name. */
const rtasStatus = (op: string, cell: number): string =>
  (DR_OPS.has(op) ? DR_NAMES.get(cell) : rtasStatusOf(cell)) ?? `status ${cell}`;

const ARGUMENTS = {
  H_PUT_TCE: ['liobn', 'ioba', 'tce'],
  H_GET_TCE: ['liobn', 'ioba'],
  H_STUFF_TCE: ['liobn', 'ioba', 'tce', 'npages'],
  H_PUT_TCE_INDIRECT: ['liobn', 'ioba', 'list', 'npages'],
} as const;

const LIST_SHOWN = 8;

function listText(list: readonly bigint[]): string {
  if (list.length === 0) return '';
  const more = list.length > LIST_SHOWN ? `, … ${list.length - LIST_SHOWN} more` : '';
  return ` [${list.slice(0, LIST_SHOWN).map(hex).join(', ')}${more}]`;
}

/** A call with its arguments, as a person reads it. */
export function callText(call: QemuCall): string {
  switch (call.kind) {
    case 'hcall': {
      const args = call.args.map((arg, at) => {
        const name = ARGUMENTS[call.op][at] ?? `r${at + 4}`;
        return `${name} ${name === 'npages' ? arg : hex(arg)}`;
      });
      return `${call.op}(${args.join(', ')})${listText(call.list)}`;
    }
    case 'rtas':
      return `${call.op}(${call.args.map((cell) => hex(cell >>> 0)).join(', ')}; ${call.nret} out)`;
    case 'dma':
      return `${call.op}(PHB ${call.phb}, ioba ${hex(call.ioba)}, bytes ${call.bytes})`;
    case 'monitor':
      return monitorText(call);
  }
}

function monitorText(call: QemuCall & { readonly kind: 'monitor' }): string {
  if (call.op === 'device_del') {
    const { target } = call;
    return `device_del(${target.kind === 'phb' ? `PHB ${target.index}` : target.id})`;
  }
  if (call.op !== 'device_add') return call.op;
  const { device } = call;
  if (device.driver === 'pci') {
    return `device_add(${device.id} at ${hex(device.devfn)} behind PHB ${device.phb})`;
  }
  const { driver: _, index, ...properties } = device;
  const shown = Object.entries(properties).map(([name, value]) => {
    return `, ${name} ${typeof value === 'bigint' ? hex(value) : String(value)}`;
  });
  return `device_add(PHB ${index}${shown.join('')})`;
}

const pieceText = ({ bytes, gpa, outcome }: DmaPiece): string =>
  `${bytes} bytes ${gpa === null ? outcome : `at ${hex(gpa)}`}`;

/** What became of a call, as a person reads it. */
export function answerText(call: QemuCall, answer: QemuAnswer): string {
  switch (answer.kind) {
    case 'hcall': {
      const code = hcallCodeOf(answer.rc) ?? `r3 ${answer.rc}`;
      return answer.tce === null ? code : `${code} ${hex(answer.tce)}`;
    }
    case 'rtas': {
      const carried = answer.rc === 0 ? '' : `${hcallCodeOf(answer.rc) ?? `r3 ${answer.rc}`} `;
      const [status, ...cells] = answer.rets;
      if (status === undefined) return `${carried}no status`;
      const shown = cells.every((cell) => cell === UNTOUCHED) ? [] : cells.map(hex);
      return [carried + rtasStatus(call.op, status), ...shown].join(' ');
    }
    case 'dma':
      return answer.pieces.length === 0 ? 'nothing moved' : answer.pieces.map(pieceText).join(', ');
    case 'monitor':
      return answer.error === null ? 'done' : `refused: ${answer.error}`;
    case 'abort':
      return `QEMU is gone: ${answer.text.trim()}`;
  }
}

/** A call and its answer, in one line. */
export const stepText = (call: QemuCall, answer: QemuAnswer): string =>
  `${callText(call)} → ${answerText(call, answer)}`;

/** What a call should have been answered, and what it was, in one sentence. */
export const differenceText = (call: QemuCall, expected: QemuAnswer, observed: QemuAnswer): string =>
  `${callText(call)}: the specification says ${answerText(call, expected)}, QEMU says ${answerText(call, observed)}`;

/** How QEMU ended as specified, in one sentence. */
export const abortText = (call: QemuCall, observed: QemuAnswer & { readonly kind: 'abort' }): string =>
  `${callText(call)} ends QEMU, as specified: ${observed.text.trim()}`;
