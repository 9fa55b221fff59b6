export { type MachineVersion, machineVersions, qemuLacks, qemuVersion } from './lacks.js';
export type { QemuExit, QemuPlaces } from './places.js';
export type { Qmp } from './qmp.js';
export { QemuGone, QmpError, type QmpEvent } from './qmp.js';
export { type QemuOptions, type QemuProcess, startQemu } from './start-qemu.js';
