import { HCALL_OPCODES } from '@spapr-dma/protocol';
import type { HcallOp, RtasOp } from '@spapr-dma/trace';

/** The hypercall by which the guest writes its devices' registers. @see [LoPAR] "Logical CI" */
export const H_LOGICAL_CI_STORE = 0x40;

export const HCALLS: Readonly<Record<HcallOp, number>> = {
  H_PUT_TCE: HCALL_OPCODES.H_PUT_TCE,
  H_GET_TCE: HCALL_OPCODES.H_GET_TCE,
  H_STUFF_TCE: HCALL_OPCODES.H_STUFF_TCE,
  H_PUT_TCE_INDIRECT: HCALL_OPCODES.H_PUT_TCE_INDIRECT,
};
export const { KVMPPC_H_RTAS } = HCALL_OPCODES;

/** Calls of RTAS that the stub makes, by QEMU's tokens. @see [QEMU] include/hw/ppc/spapr.h */
export const TOKENS: Readonly<Record<RtasOp | 'ibm,read-pci-config' | 'ibm,write-pci-config', number>> = {
  'ibm,set-tce-bypass': 0x2010,
  quiesce: 0x2011,
  'ibm,read-pci-config': 0x2016,
  'ibm,write-pci-config': 0x2017,
  'set-indicator': 0x201a,
  'get-sensor-state': 0x201d,
  'ibm,configure-connector': 0x201e,
  'ibm,query-pe-dma-window': 0x2026,
  'ibm,create-pe-dma-window': 0x2027,
  'ibm,remove-pe-dma-window': 0x2028,
  'ibm,reset-pe-dma-window': 0x2029,
};
