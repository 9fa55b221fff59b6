import type { FirmwarePut } from '@spapr-dma/protocol';
import type { RtasRequest } from './requests.js';

/** Firmware's own maps and unmaps, before there is a kernel. */
export interface FirmwareFrame {
  readonly fn: 'slof';
  readonly at: 'begin' | 'putting' | 'quiescing';
  readonly puts: readonly FirmwarePut[];
  readonly done: number;
}

/** One RTAS call. */
export interface RtasCallFrame {
  readonly fn: 'rtas_call';
  readonly at: 'begin' | 'locked' | 'calling';
  readonly request: RtasRequest;
}
