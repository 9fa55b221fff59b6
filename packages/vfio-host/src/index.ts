export { REGION_RCU_THREAD, type VfioHostReceived } from './calls.js';
export { type CanonicalVfioHost, canonicalVfioHost } from './canonical.js';
export * from './config.js';
export type { VfioHostInput } from './initial.js';
export * from './life-cycles.js';
export type {
  Container,
  ContainerId,
  ContainerWindow,
  DefaultWindowMode,
  FreeingRegion,
  GroupFacts,
  Mm,
  MmId,
  OpenFd,
  Process,
  Region,
  RegionId,
  RegionPiece,
  TceContainer,
  VfioFile,
  VfioGroup,
} from './objects.js';
export { OPERATIONS as VFIO_HOST_OPERATIONS, type OperationName, type Place } from './places.js';
export { chargedMm, type VfioHost, windowAt, windowStart } from './state.js';
export type { LockName, ThreadState } from './thread-state.js';
export { type VfioHostSent, vfioHostMachine } from './vfio-host.machine.js';
