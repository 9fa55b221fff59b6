import type { Hpa, Ua } from '@spapr-dma/protocol';

export type {
  HardwareRun,
  IommuTableFacts,
  MemoryAccessReturn,
  TableAccessReturn,
  TableGroupReturn,
  UserspaceRun,
  VfioFileReturn,
} from '@spapr-dma/protocol';
export { bytes, iommuPageShift, levelCount, tceCount, tceIndex } from '@spapr-dma/protocol';

export const hpa = (value: bigint): Hpa => value as Hpa;
export const ua = (value: bigint): Ua => value as Ua;
