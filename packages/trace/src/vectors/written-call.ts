import type { DmaPiece } from '@spapr-dma/protocol';
import { writtenPhb } from './phb-fields.js';
import type { MonitorMade, QemuAnswer, QemuCall } from './qemu-call.js';

type Json = Readonly<Record<string, unknown>>;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const writtenPiece = ({ ioba, bytes, gpa, outcome }: DmaPiece): Json => ({
  ioba: hex(ioba),
  bytes,
  gpa: gpa === null ? null : hex(gpa),
  outcome,
});

/** An answer as a line of a file has it. */
export function writtenAnswer(answer: QemuAnswer): Json {
  switch (answer.kind) {
    case 'hcall':
      return { rc: answer.rc, ...(answer.tce !== null && { tce: hex(answer.tce) }) };
    case 'rtas':
      return { rc: answer.rc, rets: answer.rets.map((cell, at) => (at === 0 ? cell : hex(cell))) };
    case 'dma':
      return { pieces: answer.pieces.map(writtenPiece) };
    case 'monitor':
      return { error: answer.error };
    case 'abort':
      return { abort: answer.text };
  }
}

function writtenCommand(call: MonitorMade): Json {
  if (call.op === 'device_del') return { target: call.target };
  if (call.op !== 'device_add') return {};
  const { device } = call;
  return { device: device.driver === 'pci' ? device : { driver: device.driver, ...writtenPhb(device) } };
}

function writtenArguments(call: QemuCall): Json {
  switch (call.kind) {
    case 'hcall':
      return {
        a: call.args.map(hex),
        ...(call.op === 'H_PUT_TCE_INDIRECT' && { list: call.list.map(hex) }),
      };
    case 'rtas':
      return { a: call.args.map((cell) => hex(cell >>> 0)), nret: call.nret };
    case 'dma':
      return { phb: call.phb, ioba: hex(call.ioba), bytes: call.bytes };
    case 'monitor':
      return writtenCommand(call);
  }
}

/** One line of a file, without a newline. */
export const writtenCall = (n: number, call: QemuCall, answer: QemuAnswer): string =>
  JSON.stringify({ n, op: call.op, ...writtenArguments(call), ...writtenAnswer(answer) });
