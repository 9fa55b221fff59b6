import { nonZeroCount } from '@spapr-dma/tce-table';
import { enabledTable, guestsQemu, hex, type Property, rtasAnswer } from './property.js';

export const newWindowEmpty: Property<null> = {
  name: 'S-20',
  title: 'A window that a create returns is empty.',
  sometimes: 'a create succeeds',
  initial: null,
  observe: (memory, step) => {
    const answer = rtasAnswer(step);
    const isCreate = answer?.call === 'ibm,create-pe-dma-window' && answer.status === 'SUCCESS';
    if (!isCreate) return { memory, violation: null, reached: false };
    const liobn = answer.outputs[0] ?? 0;
    const table = enabledTable(guestsQemu(step.moved.state), BigInt(liobn));
    const left = table === undefined ? 0 : nonZeroCount(table.view);
    const violation =
      table === undefined
        ? `A create returns LIOBN ${hex(liobn)}, which has no window.`
        : left > 0
          ? `A create returns LIOBN ${hex(liobn)} with ${left} entries already in it.`
          : null;
    return { memory, violation, reached: true };
  },
};
