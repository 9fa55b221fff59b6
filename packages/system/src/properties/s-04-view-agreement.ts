import { mappedCount } from '@spapr-dma/tce-table';
import { disagreement, isBacked } from './entry-agreement.js';
import { guestMemoryIn } from './guest-memory.js';
import { servedWindows } from './served-windows.js';
import { firstOf, whenQuiet } from './when-quiet.js';

export const viewAgreement = whenQuiet(
  'S-4',
  "Between calls, devices of a passed-through group get to the memory that the guest's entries name, and to no other.",
  'a window with mappings is served by hardware',
  ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  (state) => {
    const windows = servedWindows(state);
    if (windows.length === 0) return { violation: null, reached: false };
    const memory = guestMemoryIn(state);
    return {
      violation: firstOf(windows, (window) => disagreement(memory, window)),
      reached: windows.some((window) => isBacked(window) && mappedCount(window.view) > 0),
    };
  },
);
