import type { GuestReport, Hcall, RtasCall } from '@spapr-dma/protocol';

type Without<T, Keys extends string> = T extends unknown ? Omit<T, Keys> : never;
/** A call without its envelope, which the vCPU adds. */
export type HcallRequest = Without<Hcall, 'from' | 'to' | 'thread'>;
export type RtasRequest = Without<RtasCall, 'from' | 'to' | 'thread'>;

/** A report without its envelope. */
export type ReportBody = Without<GuestReport, 'from' | 'to' | 'thread'>;
