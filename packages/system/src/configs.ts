export { guestConfigOf } from './configs/guest-config.js';
export { kvmCapsOf, kvmConfigOf } from './configs/kvm-config.js';
export { type HostFacts, powernvConfigOf } from './configs/powernv-config.js';
export { qemuConfigOf } from './configs/qemu-config.js';
export { vfioConfigOf } from './configs/vfio-config.js';
