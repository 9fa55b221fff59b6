export * from './bitmap.js';
export { canonicalGuest } from './canonical.js';
export { GUEST_CONFIG_DEFAULT, type GuestConfig } from './guest-config.js';
export type { GuestEvent } from './guest-events.js';
export { type GuestSent, guestKernelMachine } from './guest-kernel.machine.js';
export type {
  DdwProperty,
  DmaWin,
  GuestDevice,
  IommuPool,
  IommuTable,
  PeNode,
  TableGroup,
  TableId,
} from './guest-objects.js';
export type { GuestKernel, LockName, Vcpu } from './guest-state.js';
export * from './guest-version.js';
export { isTableInUse, tableBytes, tableStart } from './iommu-table.js';
export { vcpuThread } from './kernel-stack.js';
export { OPERATIONS, type Operation, type Place } from './places.js';
export { GUEST_WINDOW_LIFE, type GuestWindowMode, guestWindowMode } from './window-life.js';
