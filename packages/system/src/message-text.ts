import type {
  DmaDone,
  Hcall,
  HcallReturn,
  HostDmaDone,
  HostReturn,
  HotplugEvent,
  KvmReturn,
  Mapped,
  MemoryAccessReturn,
  MonitorReturn,
  Printk,
  Probed,
  RtasCall,
  RtasReturn,
  TableAccessReturn,
  TableGroupReturn,
  VfioFileReturn,
  VfioReturn,
  ViewReturn,
} from '@spapr-dma/protocol';
import type { AnyMessage } from './participants.js';

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** A value in a line: bigints in hex, small lists written out, large ones counted. */
function valueText(value: unknown): string {
  if (typeof value === 'bigint') return hex(value);
  if (value === null) return 'none';
  if (Array.isArray(value)) {
    return value.length > 8 ? `${value.length} of them` : `[${value.map(valueText).join(' ')}]`;
  }
  if (typeof value !== 'object') return String(value);
  const fields = Object.entries(value).map(([name, part]) => `${name}=${valueText(part)}`);
  return fields.length > 6 ? `${fields.length} fields` : `{${fields.join(' ')}}`;
}

const ENVELOPE = ['type', 'from', 'to', 'thread'];
/** How a system call of QEMU nearly always is: with an argument block of the right size that can be read. */
const USUAL: Readonly<Record<string, unknown>> = { argsz: null, readable: true, process: 'qemu' };

/** The fields of a message, but for its envelope and what is as usual. */
const fieldsText = (message: AnyMessage): string =>
  Object.entries(message)
    .filter(([name, value]) => !ENVELOPE.includes(name) && !(name in USUAL && USUAL[name] === value))
    .map(([name, value]) => `${name}=${name === 'liobn' ? hex(value as number) : valueText(value)}`)
    .join(' ');

function hcallText(call: Hcall): string {
  switch (call.type) {
    case 'H_PUT_TCE_INDIRECT': {
      const [first] = call.tces;
      return `liobn=${hex(call.liobn)} ioba=${hex(call.ioba)} npages=${call.npages} tces=${first === undefined ? 'none' : `${hex(first)}…`}`;
    }
    case 'H_STUFF_TCE':
      return `liobn=${hex(call.liobn)} ioba=${hex(call.ioba)} npages=${call.npages} tce=${hex(call.tceValue)}`;
    default:
      return fieldsText(call);
  }
}

function rtasText({ type, args, nret }: RtasCall): string {
  const [address = 0, high = 0, low = 0, pageShift, windowShift] = args;
  const phb = `buid=${hex((BigInt(high) << 32n) | BigInt(low >>> 0))}`;
  switch (type) {
    case 'ibm,query-pe-dma-window':
      return `addr=${hex(address)} ${phb} nret=${nret}`;
    case 'ibm,create-pe-dma-window':
      return `addr=${hex(address)} ${phb} page_shift=${pageShift} window_shift=${windowShift}`;
    case 'ibm,reset-pe-dma-window':
      return `addr=${hex(address)} ${phb}`;
    case 'ibm,remove-pe-dma-window':
      return `liobn=${hex(address >>> 0)}`;
    default:
      return `args=[${args.map((cell) => hex(cell >>> 0)).join(' ')}]`;
  }
}

const answerText = ({ call, status, tce }: HcallReturn): string =>
  `${call} ${status}${tce === null ? '' : ` tce=${hex(tce)}`}`;

function rtasAnswerText({ call, status, outputs, hcallStatus }: RtasReturn): string {
  const cells = outputs.length === 0 ? '' : ` [${outputs.map((cell) => hex(cell)).join(' ')}]`;
  return `${call} ${hcallStatus === 'H_SUCCESS' ? status : hcallStatus}${cells}`;
}

function probedText({ device, outcome, dmaOffset, liobn }: Probed): string {
  if (outcome === 'direct') return `${device} direct, offset ${hex(dmaOffset ?? 0n)}`;
  return outcome === 'dynamic' ? `${device} dynamic, LIOBN ${hex(liobn ?? 0)}` : `${device} refused`;
}

const mappedText = ({ device, segments }: Mapped): string =>
  segments === null
    ? `${device} DMA_MAPPING_ERROR`
    : `${device} ${segments.map(({ dmaAddress, bytes }) => `${hex(dmaAddress)}+${hex(bytes)}`).join(' ')}`;

const monitorText = ({ command, ok, error }: MonitorReturn): string =>
  ok ? `${command} done` : `${command}: ${error}`;

const hotplugText = ({ action, resource, drcIndex }: HotplugEvent): string =>
  `${action} ${resource} ${hex(drcIndex)}`;

const dmaText = ({ pieces }: DmaDone): string =>
  pieces
    .map(
      ({ ioba, bytes, gpa, outcome }) => `${hex(ioba)}+${bytes} ${gpa === null ? outcome : `at ${hex(gpa)}`}`,
    )
    .join(', ');

/** What a system call returned, and more where it says more. */
function vfioText({ call, result }: VfioReturn): string {
  if (!result.ok) return `${call} ${result.errno}`;
  return `${call} ${result.value}${result.startAddr === null ? '' : ` start_addr=${hex(result.startAddr)}`}`;
}

const kvmText = ({ call, result }: KvmReturn): string => `${call} ${result.ok ? result.value : result.errno}`;

function tableGroupText({ call, result }: TableGroupReturn): string {
  if (!result.ok) return `${call} ${result.code}`;
  if (result.table !== null) return `${call} table ${result.table.table}`;
  return result.bytes === null ? call : `${call} ${result.bytes} bytes`;
}

const tableAccessText = ({ call, done, ok }: TableAccessReturn): string =>
  `${call} ${done}${ok ? '' : ', and no more'}`;

const fileText = ({ file, group }: VfioFileReturn): string =>
  `vfio_file ${file ?? 'none'}${group === null ? '' : ` of group ${group}`}`;

function memoryText({ call, ok, region, hpa }: MemoryAccessReturn): string {
  if (!ok) return `${call} refused`;
  const found = [region === null ? '' : ` region ${region}`, hpa === null ? '' : ` at ${hex(hpa)}`];
  return `${call}${found.join('')}`;
}

function viewText({ call, tce, runs, faults }: ViewReturn): string {
  const found = tce === null ? '' : ` ${hex(tce)}`;
  const mapped =
    call === 'view_bulk_load' ? `, ${runs.length === 0 ? 'empty' : `runs=${valueText(runs)}`}` : '';
  return `${call}${found}${mapped}${faults === 0 ? '' : `, ${faults} pages brought in`}`;
}

function hostText({ call, result }: HostReturn): string {
  if (!result.ok) return `${call} ${result.errno}`;
  const freed = result.freedTable === undefined ? '' : `, in table ${result.freedTable}, which is freed`;
  return `${call}${result.address === null ? ' done' : ` ${hex(result.address)}`}${freed}`;
}

const hostDmaText = ({ device, pieces }: HostDmaDone): string =>
  `${device} ${pieces
    .map(({ address, bytes, hpa, outcome, through, why }) =>
      hpa === null
        ? `${hex(address)}+${bytes} ${outcome}: ${why}`
        : `${hex(address)}+${bytes} at ${hex(hpa)} through ${through}`,
    )
    .join(', ')}`;

/** A message's fields, or what an answer says, in one line without its type. */
export function messageText(message: AnyMessage): string {
  const { type } = message;
  const as = <T>(): T => message as unknown as T;
  if (type === 'hcall-return') return answerText(as());
  if (type === 'rtas-return') return rtasAnswerText(as());
  if (type === 'printk') return as<Printk>().text;
  if (type === 'probed') return probedText(as());
  if (type === 'mapped') return mappedText(as());
  if (type === 'monitor-return') return monitorText(as());
  if (type === 'hotplug-event') return hotplugText(as());
  if (type === 'dma-done') return dmaText(as());
  if (type === 'vfio-return') return vfioText(as());
  if (type === 'kvm-return') return kvmText(as());
  if (type === 'table-group-return') return tableGroupText(as());
  if (type === 'table-access-return') return tableAccessText(as());
  if (type === 'vfio-file-return') return fileText(as());
  if (type === 'memory-access-return') return memoryText(as());
  if (type === 'view-return') return viewText(as());
  if (type === 'host-return') return hostText(as());
  if (type === 'host-dma-done') return hostDmaText(as());
  if (type === 'power-on') return 'firmware and kernel';
  if (type === 'migrate-incoming') return 'the stream';
  if ('args' in message && 'nret' in message) return rtasText(as());
  if (type.startsWith('H_')) return hcallText(as());
  return fieldsText(message);
}
