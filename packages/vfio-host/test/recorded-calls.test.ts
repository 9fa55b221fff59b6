import { readFileSync } from 'node:fs';
import { bytes, type Hpa, type Ua } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { buffer, Rig } from './rig.ts';

interface Row {
  readonly sc: string;
  readonly n: number;
  readonly step: string;
  readonly op: string;
  readonly args: string | null;
  readonly ret: number;
  readonly err: string;
  readonly vmlck_kb: number;
}

const rows: readonly (Row & { readonly line: number })[] = readFileSync(
  new URL('../../../vectors/powernv/main64.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((text, index) => ({ ...(JSON.parse(text) as Row), line: index + 1 }));

/** Scenarios without KVM; each begins where the one before ends. */
const WITHOUT_KVM = rows.filter(({ sc }) => !['kvm', 'hput'].includes(sc));
const scenarios: { readonly name: string; readonly rows: (typeof rows)[number][] }[] = [];
for (const row of WITHOUT_KVM) {
  const before = scenarios.at(-1)?.rows.at(-1);
  if (before === undefined || before.sc !== row.sc || row.n <= before.n) {
    scenarios.push({ name: `${row.sc} (line ${row.line})`, rows: [] });
  }
  scenarios.at(-1)!.rows.push(row);
}

/** Where the buffer of the recorded program lies here. */
const BUF = 0x7f00_0000_0000n;
const addressOf = (text: string): bigint =>
  text === '(nil)' ? 0n : text.startsWith('buf+') ? BUF + BigInt(text.slice(4)) : BigInt(text);

/** What no field of a row says. */
function environment(rig: Rig, { sc, n, step }: Row, vaddr: bigint): void {
  const memlock = (limit: bigint, capIpcLock: boolean) =>
    rig.deliver(rig.message('set-memlock', { limit, capIpcLock }));
  const page = (type: string, at: bigint, more = {}) =>
    rig.deliver(rig.message(type, { ua: at, bytes: 0x10000n, ...more }));
  if (sc === 'register' && n === 24) page('protect-memory', vaddr, { access: 'read' });
  if (sc === 'register' && n === 26) page('unmap-memory', vaddr + 0x20000n);
  if (sc === 'register' && n === 45) page('unmap-memory', vaddr);
  if (sc === 'v1' && (n === 18 || n === 19)) page('protect-memory', vaddr, { access: 'read' });
  if (sc === 'rlimit' && (n === 5 || n === 23 || n === 34)) memlock(0x10_0000n, true);
  if (sc === 'rlimit' && (n === 7 || n === 31)) memlock(0x10_0000n, false);
  if (sc === 'hold' && step === 'released') rig.event('unbind-vfio-pci', { device: '0002:01:00.0' });
  if ((sc === 'dma' || sc === 'mapwrap') && n === 5) rig.call('mmap', { fd: 5 });
  if (sc === 'fork' && n === 5) rig.deliver(rig.message('fork', { child: 'child1' }));
  if (sc === 'fork' && n === 15) rig.exit('child1');
  if (sc === 'fork' && n === 20) rig.deliver(rig.message('fork', { child: 'child2' }));
  if (sc === 'fork' && n === 30) rig.exit('child2');
}
const processOf = ({ sc, n }: Row): string => {
  if (sc !== 'fork') return 'qemu';
  return n >= 5 && n <= 10 ? 'child1' : n >= 20 && n <= 22 ? 'child2' : 'qemu';
};
/** The container that a call names, where there are two. */
const containerFdOf = ({ sc, n, step }: Row, fds: Readonly<Record<string, number>>): number =>
  fds[sc === 'twocont' && (n === 8 || step.startsWith('c2 ')) ? 'second' : 'first'] ?? 3;

/** A recorded call, made here; undefined for what is no call of VFIO. */
function made(rig: Rig, row: Row, fds: Record<string, number>): string | number | undefined {
  const words = row.args ?? '';
  const named = Object.fromEntries(
    [...words.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value!]),
  );
  const { vaddr, iova, size, flags, argsz, ext, type, arg } = named;
  environment(rig, row, vaddr === undefined ? 0n : addressOf(vaddr));
  const process = processOf(row);
  const fd = (recorded: string | undefined) => fds[`fd${recorded}`] ?? Number(recorded) - 3;
  const block = {
    process,
    containerFd: containerFdOf(row, fds),
    argsz: argsz === undefined ? null : Number(argsz),
    readable: arg === undefined,
    flags: Number(flags ?? 0),
    vaddr: vaddr === undefined ? 0n : addressOf(vaddr),
    iova: BigInt(iova ?? 0),
    size: BigInt(size ?? 0),
  };
  const opened = (result: string | number): string | number => {
    if (typeof result !== 'number') return result;
    if (words.endsWith('/vfio'))
      fds[
        fds.first === undefined ||
        row.n === 0 ||
        row.sc === 'fork' ||
        row.sc === 'leak' ||
        row.sc === 'rlimit'
          ? 'first'
          : 'second'
      ] = result;
    fds[`fd${row.ret}`] = result;
    return result;
  };
  switch (row.op) {
    case 'open':
      return opened(rig.open(words, { process }));
    case 'close':
      return rig.close(fd(named.fd), { process });
    case 'GROUP_SET_CONTAINER':
      return rig.call('VFIO_GROUP_SET_CONTAINER', {
        groupFd: fd(named.group_fd),
        containerFd: fd(named.container_fd),
      });
    case 'GROUP_UNSET_CONTAINER':
      return rig.call('VFIO_GROUP_UNSET_CONTAINER', { groupFd: fd(named.group_fd) });
    case 'GROUP_GET_STATUS':
      return typeof rig.call('VFIO_GROUP_GET_STATUS', { groupFd: 4 }) === 'number' ? 0 : 'error';
    case 'GROUP_GET_DEVICE_FD':
      return opened(rig.call('VFIO_GROUP_GET_DEVICE_FD', { groupFd: 4, device: words }));
    case 'GET_API_VERSION':
      return rig.call('VFIO_GET_API_VERSION', block);
    case 'CHECK_EXTENSION':
      return rig.call('VFIO_CHECK_EXTENSION', { ...block, extension: Number(ext ?? 7) });
    case 'SET_IOMMU':
      return rig.setIommu(Number(type), block);
    case 'SPAPR_TCE_GET_INFO': {
      const info = rig.reply('VFIO_IOMMU_SPAPR_TCE_GET_INFO', block);
      return info.ok ? info.value : info.errno;
    }
    case 'SPAPR_REGISTER_MEMORY':
      return rig.call('VFIO_IOMMU_SPAPR_REGISTER_MEMORY', block);
    case 'SPAPR_UNREGISTER_MEMORY':
      return rig.call('VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', block);
    case 'MAP_DMA':
      return rig.call('VFIO_IOMMU_MAP_DMA', block);
    case 'UNMAP_DMA':
      return rig.call('VFIO_IOMMU_UNMAP_DMA', block);
    case 'SPAPR_TCE_CREATE':
      return rig.create(
        Number(named.page_shift ?? 16),
        BigInt(named.window_size ?? 0),
        Number(named.levels ?? 1),
        block,
      );
    case 'SPAPR_TCE_REMOVE':
      return rig.remove(BigInt(named.start_addr ?? 0), block);
    case 'IOMMU_ENABLE':
      return rig.call('VFIO_IOMMU_ENABLE', block);
    case 'IOMMU_DISABLE':
      return rig.call('VFIO_IOMMU_DISABLE', block);
    case 'EEH_PE_OP':
      return rig.call('VFIO_EEH_PE_OP', { ...block, op: Number(named.op ?? 4) });
    default:
      return undefined;
  }
}

/** The functions of VFIO and of preregistered memory that a probe showed, by `scenario/step`. */
const FUNCTION =
  /^\s*(\w*(?:tce_iommu|mm_iommu|account_locked_vm|vfio_container|vfio_group_detach)[\w.]*)\(\)(?: \{|;)(?:\s+x(\d+))?$/;
const PROBE = /^\s*\/\* (?:lock|mmput|mmget|mmnew): +(.*?) \*\/$/;
function recordedFunctions(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(new URL('../../../vectors/powernv/call-order.md', import.meta.url), 'utf8');
  const steps = new Map<string, string[]>();
  let now: string[] = [];
  let name = '';
  let probe = '';
  for (const line of text.split('\n')) {
    const [, step] = /\/\* STEP (\S+)/.exec(line) ?? [];
    if (step !== undefined) {
      now = [];
      name = step;
    } else if (/\/\* RET /.test(line)) {
      // A step that does not return was cut off.
      steps.set(name, now);
      now = [];
    }
    const [, args] = PROBE.exec(line) ?? [];
    if (args !== undefined) probe = args;
    const [, fn, times = '1'] = FUNCTION.exec(line) ?? [];
    // RCU frees a region at some time later.
    if (fn === undefined || fn === 'mm_iommu_free' || fn.startsWith('pnv_')) continue;
    const shown = [...probe.matchAll(/(pages|inc|used|mapped|entries)=(\S+)/g)];
    const words = shown.map(([, name, value]) => `${name}=${Number(value)}`);
    if (fn === 'tce_iommu_unuse_page_v2') words.push(`count=${times}`);
    now.push([fn, ...words].join(' '));
    probe = '';
  }
  return steps;
}
const functions = recordedFunctions();

/** What the recorded program does beside VFIO; it changes nothing here. */
const NOT_VFIO = ['note', 'EDU_DMA', 'DEVICE_GET_INFO', 'DEVICE_RESET', 'IOMMU_GET_INFO'];

/** Scenarios of which the order of functions was recorded, once. */
const ORDERED = ['unset', 'leak', 'createfail', 'twogroups', 'v1'];

describe('what Linux 6.12.95 answered', () => {
  test('the recording has the scenarios that are known', () => {
    expect(scenarios.length).toBe(29);
  });

  test('the order of functions is known of steps in each scenario', () => {
    const known = ORDERED.map((sc) =>
      [...functions].filter(([step, fns]) => step.startsWith(`${sc}/`) && fns.length > 0),
    );
    for (const steps of known) expect(steps.length).toBeGreaterThan(1);
  });

  test.each(scenarios)('$name', ({ rows: steps }) => {
    const rig = new Rig({
      groups: [0, 1, 2],
      input: {
        groups: [0, 1, 2].map((group) => ({ group, devices: [`000${group}:01:00.0`] })),
        processes: [
          {
            process: 'qemu',
            vmas: [
              buffer(0x1000_0000n, {
                ua: BUF as Ua,
                bytes: bytes(0x1000_0000n),
                hpa: 0x10_0000_0000n as Hpa,
              }),
            ],
          },
        ],
      },
    });
    const fds: Record<string, number> = {};
    let compared = 0;
    for (const row of steps) {
      rig.sent = [];
      const result = made(rig, row, fds);
      const where = `line ${row.line} ${row.step}`;
      if (result === undefined) {
        expect(NOT_VFIO, where).toContain(row.op);
      } else {
        compared += 1;
        const opens = row.op === 'open' || row.op === 'GROUP_GET_DEVICE_FD';
        if (row.err !== 'OK') expect(result, where).toBe(row.err);
        else if (opens) expect(typeof result, where).toBe('number');
        else expect(result, where).toBe(row.ret);
      }
      expect(rig.vmlck(processOf(row)), where).toBe(row.vmlck_kb);
      const order = ORDERED.includes(row.sc) ? functions.get(`${row.sc}/${row.n}`) : undefined;
      if (order !== undefined) expect(rig.ran(), where).toEqual(order);
    }
    expect(compared).toBeGreaterThan(0);
  });
});
