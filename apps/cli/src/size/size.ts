import { SettingsError, type SizeRequest, sizeOf } from '@spapr-dma/system';
import type { Answer } from '../answer.js';
import { CallError } from '../call-error.js';
import type { Host } from '../host.js';
import { ddwPages, hostPages, type SizeCall } from './size-call.js';
import { sizeDocument } from './size-document.js';
import { sizeText } from './size-text.js';

/** log2 of a power of two. */
const shiftOf = (power: bigint): number => power.toString(2).length - 1;

const requestOf = (call: SizeCall): SizeRequest => ({
  ram: call.ram,
  maxmem: call.maxmem,
  groups: call.groups,
  ddw: ddwPages[call.ddw],
  ddwShift: call.ddwSize === null ? null : shiftOf(call.ddwSize),
  hostPageShift: hostPages[call.hostPage],
  generation: call.phb,
  iommuType: call.iommu,
  kvm: call.kvm,
  memlockKb: call.memlock === null ? null : Number(call.memlock >> 10n),
  preset: call.preset,
});

/** `spapr-dma size`: what a planned guest locks. */
export async function size(call: SizeCall, host: Host): Promise<Answer> {
  host.progress.show('starting the guest that is planned');
  try {
    const report = sizeOf(requestOf(call));
    const fails = call.memlock !== null && report.firstFailure !== null;
    return {
      status: fails ? 1 : 0,
      document: sizeDocument(report, null),
      text: () => sizeText(call, report, host.paint),
    };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new CallError(error.message, 'size');
  }
}
