// Counts what leaves the kernel for QEMU while a guest with a passed-through disk boots and maps its memory:
// once with a KVM that drives hardware tables, once with one that does not. It listens on the bus of a live system.
import { choicesOf, LiveSystem, participantsOf, platformOf, readStory, settingsOf } from '@spapr-dma/system';

const machine = {
  kvm: true,
  ram: '0x20000000',
  hotplugMax: '0x40000000',
  // A small default window, so that the slow way does not take minutes.
  phbs: [{ index: 0, dmaWinSize: '0x1000000' }],
  host: { phbs: [{ phb: 1, devices: [{ device: '0001:01:00.0' }] }] },
  devices: [{ id: 'disk', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 }],
};
const about = { id: 'exits', title: 'Exits', shows: 'Who answers.', presets: ['newest'], holds: [] };
const script = [{ do: 'system_reset' }];
const setup = readStory(JSON.stringify({ ...about, machine, script }), 'count-exits.mjs').machine;

const toQemu = { from: 'environment', to: 'qemu-spapr' };
const toGuest = { from: 'environment', to: 'guest-kernel', thread: 'vcpu0' };
const bootArgs = { multitceOff: false, disableDdw: false };
/** What the environment does, one after the other. */
const events = [
  () => ({ ...toQemu, type: 'system_reset' }),
  (qemu) => ({
    ...toGuest,
    type: 'power-on',
    platform: platformOf(qemu, 0x4000_0000n),
    bootArgs,
    firmware: [],
  }),
  () => ({ ...toGuest, type: 'probe', device: 'disk', dmaMask: 2n ** 64n - 1n }),
];

function countExits(spaprTceVfio) {
  const participants = participantsOf(setup, settingsOf('newest', { spaprTceVfio }), 'power9');
  const system = new LiveSystem(participants);
  const counts = { calls: 0, exits: 0, ioctls: 0 };
  for (const call of ['H_PUT_TCE', 'H_PUT_TCE_INDIRECT', 'H_STUFF_TCE']) {
    system.bus.on(call, (_, { from }) => {
      counts[from === 'kvm' ? 'exits' : 'calls'] += 1;
    });
  }
  for (const ioctl of ['VFIO_IOMMU_MAP_DMA', 'VFIO_IOMMU_UNMAP_DMA']) {
    system.bus.on(ioctl, () => {
      counts.ioctls += 1;
    });
  }
  const settle = () => {
    for (let next = choicesOf(participants, system.state); next.length > 0; ) {
      system.deliver(next[0]);
      next = choicesOf(participants, system.state);
    }
  };
  settle();
  for (const event of events) {
    const message = event(system.state.snapshots['qemu-spapr'].context);
    system.deliver({ kind: 'offer', to: message.to, message });
    settle();
  }
  system.stop();
  return counts;
}

for (const spaprTceVfio of ['true', 'false']) {
  const { calls, exits, ioctls } = countExits(spaprTceVfio);
  const kvm = spaprTceVfio === 'true' ? 'KVM drives hardware tables' : 'KVM does not';
  console.log(`${kvm}: ${calls} calls, ${exits} exits to QEMU, ${ioctls} ioctls to map and unmap`);
}
