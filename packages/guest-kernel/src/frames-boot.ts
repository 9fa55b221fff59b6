import type { Buid } from '@spapr-dma/protocol';
import type { TableId } from './guest-objects.js';

/** A kernel from its first instruction to where drivers can be probed. */
export interface BootFrame {
  readonly fn: 'boot';
  readonly at: 'begin' | 'settingUpBuses' | 'settingUpDevices' | 'settingUpVio';
  /** Buses, devices or VIO devices set up so far. */
  readonly done: number;
}

/** Gives a PHB its table. */
export interface BusSetupFrame {
  readonly fn: 'pci_dma_bus_setup_pSeriesLP';
  readonly at: 'begin' | 'initializing';
  readonly buid: Buid;
}

/** Gives a device its PHB's table. */
export interface DevSetupFrame {
  readonly fn: 'pci_dma_dev_setup_pSeriesLP';
  readonly at: 'begin' | 'settingUpBus' | 'querying';
  readonly buid: Buid;
  readonly device: string;
}

/** Brings a new table into use. */
export interface InitTableFrame {
  readonly fn: 'iommu_init_table';
  readonly at: 'begin' | 'clearing' | 'reading' | 'done';
  readonly table: TableId;
  /** Entries read so far, and how many of them were in use. */
  readonly index: number;
  readonly busy: number;
}
