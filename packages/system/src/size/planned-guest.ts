import {
  bytes,
  type ErrorReport,
  type KvmReturn,
  type MonitorReturn,
  type QemuAborted,
  type RtasReturn,
  type VfioReturn,
} from '@spapr-dma/protocol';
import type { Moved, SystemState } from '../choices.js';
import type { AnyMessage } from '../participants.js';
import { settingsOf } from '../presets.js';
import { SIZES } from '../sizes.js';
import { readStory } from '../story/read-story.js';
import { runScript } from '../story/run-script.js';
import { participantsOf } from '../story/setup.js';
import type { SizeRequest } from './size-request.js';

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** log2 of the window that Linux asks for: all memory in it, in a power of two. */
export const ddwShiftOf = ({ ram, maxmem, ddwShift }: SizeRequest): number => {
  const end = maxmem === null || maxmem < ram ? ram : maxmem;
  return ddwShift ?? (end - 1n).toString(2).length;
};

/** The host's function of each group: one PHB for each, as on a machine with a slot for each. */
const addressOf = (group: number): string => `${group.toString(16).padStart(4, '0')}:01:00.0`;

const MAP = { do: 'H_PUT_TCE', liobn: '0x80000000', ioba: '0x0', tce: '0x3' };

/** The guest's start, and the call by which it makes its dynamic window, as a story. */
function storyText(request: SizeRequest, memlockKb: number | null): string {
  const { ram, maxmem, groups, ddw, hostPageShift, generation, kvm, preset } = request;
  const numbers = Array.from({ length: groups }, (_, group) => group);
  const create = { do: 'ibm,create-pe-dma-window', phb: 0, pageShift: ddw, windowShift: ddwShiftOf(request) };
  return JSON.stringify({
    id: 'size',
    title: 'A guest that is planned',
    shows: 'What it locks.',
    presets: [preset],
    machine: {
      guest: false,
      kvm,
      ram: hex(ram),
      hotplugMax: maxmem === null ? 'none' : hex(maxmem),
      host: {
        pageShift: hostPageShift,
        ...(memlockKb === null ? {} : { memlockKb }),
        phbs: numbers.map((group) => ({ phb: group, generation, devices: [{ device: addressOf(group) }] })),
      },
      devices: numbers.map((group) => ({
        id: `device${group}`,
        phb: 0,
        devfn: (group + 1) << 3,
        host: addressOf(group),
        group,
      })),
    },
    // One entry is mapped: v1 makes its window with the first.
    script: [{ do: 'system_reset' }, MAP, ...(ddw === null ? [] : [create])],
    holds: [],
  });
}

/** A system call that the kernel refused for want of locked memory, and what came of it. */
export interface Refusal {
  readonly call: string;
  readonly errno: string;
  readonly during: string;
  readonly outcome: string;
}

export interface PlannedRun {
  readonly state: SystemState;
  readonly refusal: Refusal | null;
}

/** The call that a step refuses for want of locked memory. */
function refusedIn(moved: Moved): string | null {
  for (const { message } of moved.sent) {
    if (message.type !== 'vfio-return' && message.type !== 'kvm-return') continue;
    const { call, result } = message as unknown as VfioReturn | KvmReturn;
    if (!result.ok && result.errno === 'ENOMEM') return call;
  }
  return null;
}

/** What is said of a refusal: the end of QEMU outweighs an answer, and an answer what only the log tells. */
interface Saying {
  readonly weight: number;
  readonly text: string;
}

function sayingOf(message: AnyMessage): Saying | null {
  const as = <T>(): T => message as unknown as T;
  if (message.type === 'qemu-aborted')
    return { weight: 3, text: `QEMU aborts: ${as<QemuAborted>().assertion}` };
  if (message.type === 'rtas-return') {
    const { call, status } = as<RtasReturn>();
    return status === 'SUCCESS' ? null : { weight: 2, text: `${call} answers ${status}` };
  }
  if (message.type === 'monitor-return') {
    const { ok, error } = as<MonitorReturn>();
    return ok ? null : { weight: 2, text: error };
  }
  return message.type === 'error-report' ? { weight: 1, text: as<ErrorReport>().text } : null;
}

/** What weighs most of what was said, the last of equals. */
const weighed = (before: Saying | null, { sent }: Moved): Saying | null =>
  sent.reduce<Saying | null>((most, { message }) => {
    const next = sayingOf(message);
    return next !== null && (most === null || next.weight >= most.weight) ? next : most;
  }, before);

/** Starts the guest that is planned, with that limit, and plays it to where its windows are made. */
export function planned(request: SizeRequest, memlockKb: number | null): PlannedRun {
  const story = readStory(storyText(request, memlockKb), 'size');
  const settings = settingsOf(request.preset, { iommuType: request.iommuType });
  const participants = participantsOf(story.machine, settings, 'power9');
  const sizes = { ...SIZES.power9, ram: bytes(request.ram) };
  let during = 'the start of QEMU';
  let refused: Pick<Refusal, 'call' | 'during'> | null = null;
  let saying: Saying | null = null;
  const { state } = runScript(story, participants, settings, sizes, (moved) => {
    if (moved.delivered?.message.type === 'ibm,create-pe-dma-window') {
      during = "the guest's ibm,create-pe-dma-window";
    }
    const call = refusedIn(moved);
    if (refused === null && call !== null) refused = { call, during };
    if (refused !== null) saying = weighed(saying, moved);
  });
  return { state, refusal: refusalOf(refused, saying) };
}

const refusalOf = (
  refused: Pick<Refusal, 'call' | 'during'> | null,
  saying: Saying | null,
): Refusal | null =>
  refused === null
    ? null
    : { ...refused, errno: 'ENOMEM', outcome: saying?.text ?? 'QEMU goes on without it' };
