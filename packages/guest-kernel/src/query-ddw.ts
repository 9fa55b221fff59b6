import {
  type Buid,
  DR_STATUSES,
  high32,
  join32,
  low32,
  RTAS_STATUSES,
  type RtasReturn,
} from '@spapr-dma/protocol';
import type { QueryDdwFrame, QueryDdwResponse } from './frames-ddw.js';
import type { PeNode } from './guest-objects.js';
import { type GuestKernel, nodeOf } from './guest-state.js';
import { hex, printk, ret, rtas, rtasAnswer, type StepFunction } from './steps.js';

/** Extensions by their place in `ibm,ddw-extensions`. @see [LoPAR] "ibm,ddw-extensions" */
export const DDW_EXTENSIONS = { RESET_DMA_WIN: 1, QUERY_OUT_SIZE: 2, LIMITED_ADDR_MODE: 3 } as const;

/** The value of an extension; undefined where the property is absent or too short. @see [Linux] ddw_read_ext */
export function ddwExtension(node: PeNode, extension: number): number | undefined {
  const words = node.ddwExtensions;
  return words === null || words[0]! < extension ? undefined : words[extension];
}

/** The address of a device in a call for its PE, and the two halves of its PHB's BUID. */
export function peAddressOf(kernel: GuestKernel, device: string, buid: Buid): [number, number, number] {
  const pci = kernel.devices[device]!.pci!;
  return [(pci.busno << 16) | (pci.devfn << 8), high32(buid), low32(buid)];
}

/** The status cell as a signed number. */
export const statusOf = (answer: RtasReturn): number => ({ ...DR_STATUSES, ...RTAS_STATUSES })[answer.status];

/** How many cells the query has: 6 with the extension that says so, else 5. */
const outputsOf = (kernel: GuestKernel, node: PeNode): 5 | 6 =>
  kernel.config.version.sixOutputs && ddwExtension(node, DDW_EXTENSIONS.QUERY_OUT_SIZE) === 1 ? 6 : 5;

/** The cells after the status. A refused query leaves them as they were; the kernel reads them all the same. */
function responseOf(answer: RtasReturn, outputs: 5 | 6): QueryDdwResponse {
  const [windows = 0, second = 0, third = 0, fourth = 0] = answer.outputs;
  return {
    ret: statusOf(answer),
    windowsAvailable: windows,
    largestBlock: outputs === 6 ? join32(second, third) : BigInt(second),
    pageSizes: outputs === 6 ? fourth : third,
  };
}

/**
 * Returns the response, and prints it.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: query_ddw
 */
export const queryDdw: StepFunction<QueryDdwFrame> = (kernel, frame, resumed) => {
  const outputs = outputsOf(kernel, nodeOf(kernel, frame.buid)!);
  if (frame.at === 'begin') {
    return rtas(
      kernel,
      { ...frame, at: 'querying' },
      {
        type: 'ibm,query-pe-dma-window',
        args: peAddressOf(kernel, frame.device, frame.buid),
        nret: outputs,
      },
    );
  }
  const response = responseOf(rtasAnswer(resumed), outputs);
  const { ret: status, largestBlock, pageSizes, windowsAvailable } = response;
  const text = `${frame.device}: query ret=${status} lb=${hex(largestBlock)} ps=${hex(pageSizes)} wn=${windowsAvailable}`;
  return ret(kernel, response, [printk(text)]);
};
