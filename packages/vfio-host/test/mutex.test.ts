import { threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import type { VfioHostReceived } from '../src/calls.ts';
import type { VfioHostSent } from '../src/vfio-host.machine.ts';
import { BUF, Rig, type RigOptions } from './rig.ts';

const GB = 1n << 30n;
const TWO: RigOptions = { threads: ['main', 'vcpu0'] };
const create = (rig: Rig, thread: string): VfioHostReceived =>
  rig.message('VFIO_IOMMU_SPAPR_TCE_CREATE', { pageShift: 16, windowSize: GB, levels: 1, thread });
const other = (rig: Rig, type: string, args = {}): VfioHostReceived =>
  rig.message(type, {
    vaddr: BUF + 0x40_0000n,
    size: 0x10000n,
    iova: 0n,
    startAddr: 0n,
    thread: 'vcpu0',
    ...args,
  });

/** The main thread is inside a CREATE and waits for the platform. */
function creating(options: RigOptions = {}): { rig: Rig; asked: readonly VfioHostSent[] } {
  const rig = new Rig({ ...TWO, ...options }).attach();
  rig.register();
  rig.remove(0n);
  rig.create(16, GB, 1);
  return { rig, asked: rig.deliver(create(rig, 'main')) };
}
/** The platform answers until the thread's call has ended. */
function finish(rig: Rig, asked: readonly VfioHostSent[]): VfioHostSent | undefined {
  const answer = rig.answer(asked);
  return answer === undefined ? undefined : rig.run(answer);
}

test.each`
  call                                    | waits
  ${'VFIO_IOMMU_SPAPR_TCE_CREATE'}        | ${true}
  ${'VFIO_IOMMU_SPAPR_TCE_REMOVE'}        | ${true}
  ${'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'}   | ${true}
  ${'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY'} | ${true}
  ${'VFIO_IOMMU_ENABLE'}                  | ${true}
  ${'VFIO_IOMMU_DISABLE'}                 | ${true}
  ${'VFIO_GROUP_UNSET_CONTAINER'}         | ${true}
  ${'VFIO_IOMMU_MAP_DMA'}                 | ${false}
  ${'VFIO_IOMMU_UNMAP_DMA'}               | ${false}
  ${'VFIO_IOMMU_SPAPR_TCE_GET_INFO'}      | ${false}
  ${'VFIO_CHECK_EXTENSION'}               | ${false}
  ${'VFIO_EEH_PE_OP'}                     | ${false}
`('while another thread creates a window, $call waits: $waits', ({ call, waits }) => {
  const { rig, asked } = creating();
  expect(rig.thread('main')).toMatchObject({
    at: 'creating.creatingWindow.sizingTable',
    locks: ['tce:1'],
  });
  const message = other(rig, call, { extension: 7, op: 4, pageShift: 16, windowSize: GB, levels: 1 });
  expect(rig.can(message)).toBe(!waits);
  expect(finish(rig, asked)).toMatchObject({ type: 'vfio-return', result: { ok: true } });
  expect(rig.thread('main')).toMatchObject({ at: 'idle', locks: [] });
  expect(rig.can(message)).toBe(true);
});

test('a thread takes one call at a time, and another container’s mutex is another', () => {
  const { rig } = creating();
  expect(rig.can(create(rig, 'main'))).toBe(false);
  rig.deliver(other(rig, 'open', { path: '/dev/vfio/vfio' }));
  rig.deliver(other(rig, 'open', { path: '/dev/vfio/2' }));
  expect(rig.can(other(rig, 'VFIO_GROUP_SET_CONTAINER', { groupFd: 6, containerFd: 5 }))).toBe(true);
  expect(rig.can(other(rig, 'VFIO_GROUP_SET_CONTAINER', { groupFd: 6, containerFd: 3 }))).toBe(false);
});

test('an owed default window is cancelled without the mutex, even while it is being made', () => {
  const rig = new Rig(TWO).attach();
  rig.register();
  const asked = rig.deliver(create(rig, 'main'));
  const remove = other(rig, 'VFIO_IOMMU_SPAPR_TCE_REMOVE');
  expect(rig.can(remove)).toBe(true);
  rig.deliver(remove);
  expect(rig.container()!.iommu!.defaultWindow).toBe('cancelled');
  expect(finish(rig, asked)).toMatchObject({ result: { ok: true } });
  // The window comes all the same.
  expect(rig.container()!.iommu!.defaultWindow).toBe('created');
  expect(rig.container()!.iommu!.windows.every((window) => window !== null)).toBe(true);
});

test('mapTakesLock fixed: MAP and UNMAP wait for the mutex, and hold it (B-47)', () => {
  const { rig, asked } = creating({ switches: { mapTakesLock: 'fixed' } });
  expect(rig.can(other(rig, 'VFIO_IOMMU_MAP_DMA', { flags: 3 }))).toBe(false);
  finish(rig, asked);
  const map = other(rig, 'VFIO_IOMMU_MAP_DMA', { flags: 3, vaddr: BUF });
  const mapping = rig.deliver(map);
  expect(rig.thread('vcpu0')).toMatchObject({ at: 'mapping.readingSlot', locks: ['tce:1'] });
  expect(rig.can(rig.message('VFIO_IOMMU_SPAPR_TCE_REMOVE', { startAddr: 0n }))).toBe(false);
  expect(finish(rig, mapping)).toMatchObject({ result: { ok: true } });
});

test('mapTakesLock unfixed: a window can be removed under a MAP, which then writes to a table that is gone', () => {
  const rig = new Rig(TWO).attach();
  rig.register();
  rig.map(0n, 0n, 0n);
  const mapping = rig.deliver(other(rig, 'VFIO_IOMMU_MAP_DMA', { flags: 3, vaddr: BUF }));
  expect(rig.remove(0n)).toBe(0);
  expect(rig.powernv.tables.size).toBe(0);
  rig.powernv.log.length = 0;
  finish(rig, mapping);
  expect(rig.powernv.log).toContain('userspace_slot_read 1');
  expect(rig.thread('vcpu0').at).toBe('idle');
});

describe('a region that is released between its look-up and its count (B-23)', () => {
  test.each`
    mapIncFailRet | result
    ${'ok'}       | ${{ ok: true, value: 0, startAddr: null, info: null }}
    ${'enxio'}    | ${{ ok: false, errno: 'ENXIO' }}
  `('mapIncFailRet $mapIncFailRet', ({ mapIncFailRet, result }) => {
    const rig = new Rig({ ...TWO, switches: { mapIncFailRet } }).attach();
    rig.register();
    rig.map(0n, 0n, 0n);
    const mapping = rig.deliver(other(rig, 'VFIO_IOMMU_MAP_DMA', { flags: 3, vaddr: BUF }));
    expect(rig.unregister()).toBe(0);
    // While it is being looked at, its memory is not given back.
    expect(
      rig.can({ type: 'step', from: 'environment', to: 'vfio-host', thread: threadId('mm_iommu-rcu') }),
    ).toBe(false);
    expect(finish(rig, mapping)).toMatchObject({ result });
    expect(rig.powernv.mappedIn(BUF, 0x10_0000n)).toBe(0);
  });
});

test('exit waits for the process’s calls, and inside it for the mutex that another process’s call holds', () => {
  const exit = (process: string) =>
    ({ type: 'exit', from: 'environment', to: 'vfio-host', thread: threadId('vcpu0'), process }) as const;
  const step = { type: 'step', from: 'environment', to: 'vfio-host', thread: threadId('vcpu0') } as const;
  const rig = new Rig(TWO).attach();
  rig.register();
  rig.remove(0n);
  rig.create(16, GB, 1);
  // The group's descriptor is the child's alone, the container's belongs to both.
  rig.deliver(rig.message('fork', { child: 'child' }));
  rig.close(4);
  const asked = rig.deliver(create(rig, 'main'));
  expect(rig.can(exit('qemu'))).toBe(false);
  expect(rig.can(exit('child'))).toBe(true);
  rig.deliver(exit('child'));
  expect(rig.thread('vcpu0')).toMatchObject({
    at: 'exiting.waitingForMutex',
    wants: ['container:1', 'group:1', 'tce:1'],
  });
  expect(rig.can(step)).toBe(false);
  expect(finish(rig, asked)).toMatchObject({ result: { ok: true } });
  expect(rig.can(step)).toBe(true);
  expect(rig.run(step)).toMatchObject({ type: 'host-done' });
  expect(rig.host).toMatchObject({
    processes: [{ process: 'qemu' }],
    containers: [{ groups: [], iommu: null }],
  });
  expect(rig.vmlck()).toBe(0);
});

test('KVM’s questions are answered whatever the threads do', () => {
  const { rig, asked } = creating();
  const lookup = {
    type: 'mm_iommu_lookup',
    from: 'kvm',
    to: 'vfio-host',
    thread: threadId('vcpu7'),
    ua: BUF,
    pageShift: 16,
    count: 100,
  } as unknown as VfioHostReceived;
  expect(rig.can(lookup)).toBe(true);
  expect(rig.deliver(lookup)).toMatchObject([
    { type: 'memory-access-return', thread: 'vcpu7', ok: true, count: 16 },
  ]);
  expect(finish(rig, asked)).toMatchObject({ result: { ok: true } });
});

test('what nobody can ever take is unexpected', () => {
  const rig = new Rig();
  expect(rig.run(rig.message('open', { path: '/dev/vfio/vfio', thread: 'nobody' }))).toMatchObject({
    type: 'unexpected',
    received: 'open',
  });
  expect(rig.run(rig.message('VFIO_NONSENSE'))).toMatchObject({
    type: 'unexpected',
    received: 'VFIO_NONSENSE',
  });
});

test('a container whose descriptor is closed while its last group is on its way out goes when that is out', () => {
  const rig = new Rig(TWO).attach();
  rig.register();
  rig.remove(0n);
  rig.create(16, GB, 1);
  expect(rig.host.mms[0]!.lockedPages).toBeGreaterThan(0);
  let next = rig.message('VFIO_GROUP_UNSET_CONTAINER');
  let closed = false;
  while (rig.can(next)) {
    const asked = rig.deliver(next);
    // The one that leaves waits for the platform, and the group is no longer in the container.
    if (!closed && rig.host.containers[0]?.groups.length === 0 && rig.thread('main').at !== 'idle') {
      rig.close(3, { thread: 'vcpu0' });
      closed = true;
      expect(rig.host.containers).toHaveLength(1);
    }
    if (rig.thread('main').at === 'idle') break;
    next = rig.answer(asked) ?? rig.step();
  }
  expect(closed).toBe(true);
  expect(rig.host.containers).toEqual([]);
  expect(rig.host.mms.map(({ lockedPages }) => lockedPages)).toEqual([0]);
});
