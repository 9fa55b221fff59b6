import type { Buid } from '@spapr-dma/protocol';
import type { BootFrame, BusSetupFrame, DevSetupFrame, InitTableFrame } from './frames-boot.js';
import type {
  CreateDdwFrame,
  EnableDdwFrame,
  QueryDdwFrame,
  RemoveDmaWindowFrame,
  ResetDmaWindowFrame,
} from './frames-ddw.js';
import type {
  DmaMapFrame,
  DmaMapSgFrame,
  DmaSetMaskFrame,
  DmaUnmapFrame,
  ReleaseDriverFrame,
} from './frames-driver.js';
import type { FirmwareFrame, RtasCallFrame } from './frames-firmware.js';
import type { DlparFrame, DrcFrame, MemoryNotifierFrame } from './frames-hotplug.js';
import type {
  TceBuildFrame,
  TceBuildMultiFrame,
  TceClearRangeFrame,
  TceExchangeFrame,
  TceFreeFrame,
  TceFreeMultiFrame,
  TceSetRangeFrame,
} from './frames-tce.js';
import type {
  VfioCreateTableFrame,
  VfioMapFrame,
  VfioOwnershipFrame,
  VfioUnsetWindowFrame,
} from './frames-vfio.js';

/**
 * What a vCPU does is a stack of frames, like the kernel's own: each frame is one kernel function with its
 * arguments, its local variables, and the place `at` which it goes on. A frame is plain data, so a vCPU that
 * waits for an answer is a value.
 */
export type Frame =
  | FirmwareFrame
  | BootFrame
  | BusSetupFrame
  | DevSetupFrame
  | InitTableFrame
  | WithDevicesFrame
  | DmaSetMaskFrame
  | ReleaseDriverFrame
  | EnableDdwFrame
  | QueryDdwFrame
  | CreateDdwFrame
  | RemoveDmaWindowFrame
  | ResetDmaWindowFrame
  | RtasCallFrame
  | DmaMapFrame
  | DmaMapSgFrame
  | DmaUnmapFrame
  | TceBuildFrame
  | TceBuildMultiFrame
  | TceFreeFrame
  | TceFreeMultiFrame
  | TceSetRangeFrame
  | TceClearRangeFrame
  | TceExchangeFrame
  | MemoryNotifierFrame
  | DrcFrame
  | DlparFrame
  | VfioOwnershipFrame
  | VfioCreateTableFrame
  | VfioUnsetWindowFrame
  | VfioMapFrame;

/** An operation on a PHB or one of its devices, which must not vanish meanwhile. */
export interface WithDevicesFrame {
  readonly fn: 'with_devices';
  readonly at: 'begin' | 'waitingForDevices' | 'inside';
  /** `exclusive` for what adds or removes the PHB, its devices or its tables; `shared` for what uses them. */
  readonly access: 'shared' | 'exclusive';
  /** The PHB; null for a VIO device, which never goes. */
  readonly buid: Buid | null;
  readonly inner: Frame;
}
