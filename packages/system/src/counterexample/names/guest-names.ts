import type { DmaWin, PeNode } from '@spapr-dma/guest-kernel';
import { hex, type ItemNaming, type Naming } from '../naming.js';
import { valuesCalled } from './words.js';

const holderWords = (cpu: unknown): string => (cpu === null ? 'free' : `vcpu${cpu}`);

/** Runs of set bits, [first, end) each. */
const bitsWords = (value: unknown): string => {
  const runs = value as readonly (readonly [number, number])[];
  if (runs.length === 0) return 'none';
  return runs.map(([first, end]) => (end === first + 1 ? `${first}` : `${first}–${end - 1}`)).join(', ');
};

const guestTableWords = (id: unknown): string => (id === null ? 'none' : `table ${id}`);

const guestTable: Naming = {
  skipped: ['pools', 'largePool', 'poolSize'],
  fields: { map: { title: 'pages taken', words: bitsWords }, refs: { title: 'references' } },
};

const node: ItemNaming<PeNode> = {
  key: ({ buid }) => hex(buid),
  called: ({ buid }) => `PHB ${hex(buid)}`,
  fields: {
    group: {
      title: 'table group',
      about: () => 'there',
      fields: { tables: { words: (value) => (value as readonly unknown[]).map(guestTableWords).join(', ') } },
    },
  },
};

export const GUEST_NAMES: Naming = {
  skipped: ['config', 'vcpus'],
  fields: {
    nodes: { title: '', items: node },
    devices: { title: '', others: (id) => ({ title: `device ${id}` }) },
    tables: { title: '', others: (id) => ({ title: `table ${id}`, ...guestTable }) },
    dmaWinList: {
      title: '',
      items: {
        key: ({ liobn }: DmaWin) => hex(liobn),
        called: ({ liobn }: DmaWin) => `dma_win of LIOBN ${hex(liobn)}`,
        about: ({ dmaBase, direct }: DmaWin) => `at ${hex(dmaBase)}, ${direct ? 'direct' : 'not direct'}`,
      },
    },
    hotplug: { title: 'hotplug events' },
    locks: { title: '', others: (lock) => ({ title: lock, words: holderWords }) },
    failedDdw: { title: '', items: valuesCalled('no dynamic window for PHB') },
  },
};
