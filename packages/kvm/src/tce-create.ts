import {
  type HostPageShift,
  type IommuPageShift,
  iommuPageShift,
  KVM_TABLE_PAGE_SHIFT_MAX,
  KVM_TABLE_PAGE_SHIFT_MIN,
  type KvmCreateSpaprTce,
  type KvmCreateSpaprTce64,
  liobn,
  type MemoryAccessReturn,
  tceCount,
  unreachable,
} from '@spapr-dma/protocol';
import { contiguousBytesMax, tceTable } from '@spapr-dma/tce-table';
import type { CreateFrame } from './frames.js';
import { effect, type ReportBody } from './sent.js';
import type { SpaprTceTable } from './spapr-tce-table.js';
import { freeFd, type KvmState, presentTable } from './state.js';
import { ask, type Resumption, refuse, type Step, succeed } from './steps.js';
import { newPages } from './view-pages.js';

/** Bytes of the kernel's descriptor before its list of pages. @see [Linux] struct kvmppc_spapr_tce_table */
const DESCRIPTOR_BYTES = 136n;
const ULLONG_MAX = (1n << 64n) - 1n;

/** The frame of a create. The 32-bit call knows pages of 4K from address 0 on only. */
export const createFrame = (call: KvmCreateSpaprTce | KvmCreateSpaprTce64): CreateFrame => ({
  fn: 'kvm_vm_ioctl_create_spapr_tce',
  at: 'begin',
  liobn: call.liobn,
  failed: null,
  ...(call.type === 'KVM_CREATE_SPAPR_TCE'
    ? { pageShift: 12, offset: 0n, size: BigInt.asUintN(32, call.windowSize) >> 12n }
    : { pageShift: call.pageShift as number, offset: call.offset, size: call.size }),
});

const ceilDiv = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
const descriptorBytes = (hostPageShift: HostPageShift, size: bigint): bigint =>
  DESCRIPTOR_BYTES + 8n * ceilDiv(size * 8n, 1n << BigInt(hostPageShift));

/**
 * Host pages that a table of that many entries is charged with: all of its view, whether allocated or not, and the
 * descriptor with its list of pages.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_stt_pages
 */
export function sttPages(hostPageShift: HostPageShift, size: bigint): number {
  const page = 1n << BigInt(hostPageShift);
  return Number(ceilDiv(size * 8n, page) + ceilDiv(descriptorBytes(hostPageShift, size), page));
}

/** The sum wraps in 64 bits, so an end behind the address space is not seen. */
function hasGeometry({ config }: KvmState, { size, pageShift, offset }: CreateFrame): boolean {
  if (!config.features.checksGeometry) return size !== 0n;
  if (size === 0n || pageShift < KVM_TABLE_PAGE_SHIFT_MIN || pageShift > KVM_TABLE_PAGE_SHIFT_MAX)
    return false;
  return BigInt.asUintN(64, offset + size) <= ULLONG_MAX >> BigInt(pageShift);
}

const isTaken = (kvm: KvmState, frame: CreateFrame): boolean =>
  presentTable(kvm, BigInt(frame.liobn)) !== undefined;

/**
 * KVM_CREATE_SPAPR_TCE(_64): charges the table, allocates its descriptor, and enters it where its LIOBN is free.
 * Whatever fails after the charge gives the charge back.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_vm_ioctl_create_spapr_tce
 */
export function createSpaprTce(kvm: KvmState, frame: CreateFrame, resumed: Resumption): Step {
  const { hostPageShift } = kvm.config;
  if (resumed.type === 'begin') {
    const { liobn: name, pageShift, offset, size } = frame;
    const ran = [
      effect('kvm_vm_ioctl_create_spapr_tce', { liobn: name, shift: pageShift, flags: 0, offset, size }),
    ];
    if (!hasGeometry(kvm, frame)) return refuse(kvm, 'EINVAL', ran);
    // Two creates at a time both find the LIOBN free (B-36).
    if (kvm.config.switches.createLock === 'unfixed' && isTaken(kvm, frame)) return refuse(kvm, 'EBUSY', ran);
    if (!kvm.config.features.chargesViews) return enter(kvm, frame, ran);
    return ask(
      kvm,
      'creating.charging',
      { ...frame, at: 'charging' },
      { type: 'account_locked_vm', pages: sttPages(hostPageShift, size), inc: true },
      ran,
    );
  }
  if (resumed.type !== 'answer') return unreachable(`${frame.fn} calls nobody`);
  if (frame.at === 'refunding') return refuse(kvm, frame.failed ?? unreachable('a refund without a failure'));
  const charged = resumed.answer as MemoryAccessReturn;
  return charged.ok ? enter(kvm, frame, []) : refuse(kvm, 'ENOMEM');
}

function giveUp(
  kvm: KvmState,
  frame: CreateFrame,
  errno: 'ENOMEM' | 'EBUSY',
  ran: readonly ReportBody[],
): Step {
  if (!kvm.config.features.chargesViews) return refuse(kvm, errno, ran);
  return ask(
    kvm,
    'creating.refunding',
    { ...frame, at: 'refunding', failed: errno },
    { type: 'account_locked_vm', pages: sttPages(kvm.config.hostPageShift, frame.size), inc: false },
    ran,
  );
}

function enter(kvm: KvmState, frame: CreateFrame, ran: readonly ReportBody[]): Step {
  if (kvm.failNext.descriptor) {
    return giveUp({ ...kvm, failNext: { ...kvm.failNext, descriptor: false } }, frame, 'ENOMEM', ran);
  }
  // The descriptor is one piece of memory.
  if (descriptorBytes(kvm.config.hostPageShift, frame.size) > contiguousBytesMax) {
    return giveUp(kvm, frame, 'ENOMEM', ran);
  }
  if (kvm.config.switches.createLock === 'fixed' && isTaken(kvm, frame))
    return giveUp(kvm, frame, 'EBUSY', ran);
  const fd = freeFd(kvm);
  const size = Number(frame.size);
  const table: SpaprTceTable = {
    id: freeId(kvm),
    mode: 'PRESENT',
    fd,
    liobn: liobn(frame.liobn),
    pageShift: iommuPageShift(frame.pageShift) as IommuPageShift,
    offset: frame.offset,
    size,
    view: tceTable(tceCount(size)),
    pages: newPages(kvm.config, size),
    iommuTables: [],
  };
  const eager = kvm.config.features.viewPages === 'eager' ? table.pages.entries : 0;
  const reports: readonly ReportBody[] =
    eager > 0 ? [...ran, { type: 'cost', operation: 'view-fault', count: eager }] : ran;
  return succeed({ ...kvm, tables: [table, ...kvm.tables] }, fd, reports);
}

/** The lowest identity that no table has, and that no system call under way has in mind. */
function freeId(kvm: KvmState): number {
  const used = new Set(kvm.tables.map(({ id }) => id));
  for (const { stack } of kvm.ioctls) for (const frame of stack) if ('stt' in frame) used.add(frame.stt);
  let id = 0;
  while (used.has(id)) id += 1;
  return id;
}
