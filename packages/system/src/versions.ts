export type { Cell, Cells } from './versions/cell.js';
export { LINUX_GUEST_VERSIONS, type LinuxGuestName } from './versions/guest-versions.js';
export { LINUX_HOST_VERSIONS, type LinuxHostName } from './versions/host-versions.js';
export { QEMU_VERSIONS, type QemuVersionName } from './versions/qemu-versions.js';
