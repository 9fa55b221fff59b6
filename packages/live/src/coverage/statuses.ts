import { hcallCodeOf } from '@spapr-dma/protocol';
import type { QemuAnswer, QemuCall } from '@spapr-dma/trace';

type Op = QemuCall['op'];

/** An answer that the documents name for an operation. */
export interface DocumentedStatus {
  readonly op: Op;
  /** As `statusesOf` names it. */
  readonly status: string;
  /** Why a QEMU without KVM and VFIO never answers it; null where it does. */
  readonly why: string | null;
}

const NO_NOTIFIER =
  'Only a listener could fail, and only VFIO listens; QEMU passes its failure on to nobody all the same.';
const NO_KVM = 'KVM says it to QEMU and never to a guest, and here is no KVM.';
const ALWAYS_THERE = 'QEMU has the hypercall in every machine; only another hypervisor lacks it.';
const SINCE_2_7 = 'A QEMU older than 2.7 has no such call; none is asked.';
const NO_VFIO_WINDOW = 'The default window comes back in any case, unless VFIO cannot make it.';
const NOT_MADE =
  'What ends QEMU there depends on time, or comes by the monitor alone; kept files show it, and none is made up.';
const ONE_CONVERSATION = 'The calls for one device count as one; the last status is its answer.';

const statuses = (op: Op, reached: readonly string[], others: Readonly<Record<string, string>> = {}) => [
  ...reached.map((status): DocumentedStatus => ({ op, status, why: null })),
  ...Object.entries(others).map(([status, why]): DocumentedStatus => ({ op, status, why })),
];

const HCALL = ['H_SUCCESS', 'H_PARAMETER'] as const;
const WRITES = { H_HARDWARE: NO_NOTIFIER, H_TOO_HARD: NO_KVM, H_FUNCTION: ALWAYS_THERE } as const;

/** Every status of every operation. RTAS statuses are numbers, transfers tell what became of their pieces. */
export const STATUSES: readonly DocumentedStatus[] = [
  ...statuses('H_PUT_TCE', HCALL, WRITES),
  ...statuses('H_GET_TCE', HCALL, { H_TOO_HARD: NO_KVM, H_FUNCTION: ALWAYS_THERE }),
  ...statuses('H_STUFF_TCE', HCALL, WRITES),
  ...statuses('H_PUT_TCE_INDIRECT', HCALL, WRITES),
  ...statuses('ibm,query-pe-dma-window', ['0', '-3'], { H_PARAMETER: SINCE_2_7 }),
  ...statuses('ibm,create-pe-dma-window', ['0', '-1', '-3', 'abort'], { H_PARAMETER: SINCE_2_7 }),
  ...statuses('ibm,remove-pe-dma-window', ['0', '-3', 'abort'], {
    '-1': NO_VFIO_WINDOW,
    H_PARAMETER: SINCE_2_7,
  }),
  ...statuses('ibm,reset-pe-dma-window', ['0', '-3', 'abort'], {
    '-1': NO_VFIO_WINDOW,
    H_PARAMETER: SINCE_2_7,
  }),
  ...statuses('ibm,set-tce-bypass', ['0', '-3']),
  ...statuses('quiesce', ['0', '-3']),
  ...statuses('set-indicator', ['0', '-3']),
  ...statuses('get-sensor-state', ['0', '-3']),
  ...statuses('ibm,configure-connector', ['0', '-3', '-9003'], {
    '1': ONE_CONVERSATION,
    '2': ONE_CONVERSATION,
    '3': ONE_CONVERSATION,
    '4': ONE_CONVERSATION,
  }),
  ...statuses('dma-read', ['ram', 'zeros']),
  ...statuses('dma-write', ['ram', 'dropped']),
  ...statuses('system_reset', ['ok', 'abort']),
  ...statuses('device_add', ['ok', 'refused'], { abort: NOT_MADE }),
  ...statuses('device_del', ['ok', 'refused']),
  ...statuses('migrate', ['ok', 'refused']),
  ...statuses('rcu', ['ok']),
];

/** Guests that ask for no cell of an answer get none. */
const NO_CELL = 'no cell';
/** Transfers of a device that is not there. */
const NO_DEVICE = 'no device';

const ABORT = ['abort'] as const;
const OK = ['ok'] as const;
const REFUSED = ['refused'] as const;
const HCALL_NAMES = new Map<number, readonly [string]>();

function hcallStatus(rc: number): readonly [string] {
  let name = HCALL_NAMES.get(rc);
  if (name === undefined) {
    name = [hcallCodeOf(rc) ?? String(rc)];
    HCALL_NAMES.set(rc, name);
  }
  return name;
}

/** What an answer is counted as: one name, or one for each fate of a transfer's pieces. */
export function statusesOf(answer: QemuAnswer): readonly string[] {
  switch (answer.kind) {
    case 'hcall':
      return hcallStatus(answer.rc);
    case 'rtas':
      if (answer.rc !== 0) return hcallStatus(answer.rc);
      return [String(answer.rets[0] ?? NO_CELL)];
    case 'dma': {
      const fates = new Set<string>(answer.pieces.map(({ outcome }) => outcome));
      return fates.size === 0 ? [NO_DEVICE] : [...fates];
    }
    case 'monitor':
      return answer.error === null ? OK : REFUSED;
    case 'abort':
      return ABORT;
  }
}
