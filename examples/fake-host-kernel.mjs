// A test of an imaginary VMM. What it talks to is no kernel but two machines of the specification, so the
// test runs anywhere, as any user, and can run the host out of locked memory when it likes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { powernvMachine } from '@spapr-dma/powernv-ioda2';
import { vfioHostMachine } from '@spapr-dma/vfio-host';
import { createActor } from 'xstate';

const DEVICE = '0000:01:00.0';
const RAM = { ua: 0x7f00_0000_0000n, bytes: 1n << 28n, access: 'read-write', pageShift: 16, hpa: 1n << 36n };

/** A host with one group, whose VFIO answers system calls as a kernel would. */
function fakeKernel({ memlock = null } = {}) {
  const input = {
    groups: [{ group: 0, devices: [DEVICE] }],
    processes: [{ process: 'qemu', vmas: [RAM], memlock }],
  };
  const powernv = createActor(powernvMachine, { input: {} }).start();
  const vfio = createActor(vfioHostMachine(), { input }).start();
  const queue = [];
  let answer = null;
  for (const machine of [vfio, powernv]) machine.on('*', (message) => queue.push(message));
  const deliver = () => {
    for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
      if (message.type === 'vfio-return') answer = message.result;
      else if (message.to === 'powernv-ioda2') powernv.send(message);
      else if (message.to === 'vfio-host') vfio.send(message);
      else if (message.type === 'host-dma-done') answer = message.pieces;
    }
    return answer;
  };
  return {
    ioctl(type, fields) {
      const call = { type, from: 'qemu-spapr', to: 'vfio-host', thread: 'main', process: 'qemu' };
      vfio.send({ ...call, argsz: null, readable: true, ...fields });
      return deliver();
    },
    deviceReads(address) {
      const to = { from: 'environment', to: 'powernv-ioda2', thread: 'device' };
      powernv.send({ type: 'host-device-dma', ...to, device: DEVICE, address, bytes: 16, access: 'read' });
      return deliver();
    },
  };
}

/** The imaginary VMM: gives a device all of the guest's memory in a window of its own. */
class Vmm {
  constructor(kernel) {
    this.kernel = kernel;
  }

  #call(type, fields) {
    const result = this.kernel.ioctl(type, fields);
    if (!result.ok) throw new Error(`${type}: ${result.errno}`);
    return result;
  }

  passThrough() {
    const containerFd = this.#call('open', { path: '/dev/vfio/vfio' }).value;
    const groupFd = this.#call('open', { path: '/dev/vfio/0' }).value;
    const { ua: vaddr, bytes: size } = RAM;
    this.#call('VFIO_GROUP_SET_CONTAINER', { groupFd, containerFd });
    this.#call('VFIO_SET_IOMMU', { containerFd, iommuType: 7 });
    this.#call('VFIO_IOMMU_SPAPR_REGISTER_MEMORY', { containerFd, flags: 0, vaddr, size });
    // Without this, the window below would be the second one: a default window is owed until it is declined.
    this.#call('VFIO_IOMMU_SPAPR_TCE_REMOVE', { containerFd, flags: 0, startAddr: 0n });
    const shape = { pageShift: 16, windowSize: size, levels: 1, flags: 0 };
    const { startAddr: iova } = this.#call('VFIO_IOMMU_SPAPR_TCE_CREATE', { containerFd, ...shape });
    this.#call('VFIO_IOMMU_MAP_DMA', { containerFd, flags: 3, vaddr, iova, size });
    return iova;
  }
}

test('a device reaches guest memory, and nothing beside it', () => {
  const kernel = fakeKernel();
  const iova = new Vmm(kernel).passThrough();
  assert.equal(iova, 0n);
  assert.equal(kernel.deviceReads(0x123_4560n)[0].hpa, RAM.hpa + 0x123_4560n);
  assert.equal(kernel.deviceReads(RAM.bytes)[0].outcome, 'frozen');
});

test('the limit must hold the memory of the guest and both copies of the table', () => {
  // 2^12 entries of 8 bytes, with a userspace view behind them, and each copy a whole page of the host.
  const needed = RAM.bytes + 2n * 0x1_0000n;
  assert.doesNotThrow(() => new Vmm(fakeKernel({ memlock: needed })).passThrough());
  const tooLittle = fakeKernel({ memlock: needed - 1n });
  assert.throws(() => new Vmm(tooLittle).passThrough(), /TCE_CREATE: ENOMEM/);
});
