import type {
  CachedTces,
  HostDevice,
  IommuGroup,
  IommuTable,
  Pe,
  StrayWord,
  Tve,
} from '@spapr-dma/powernv-ioda2';
import { hex, type ItemNaming, type Naming } from '../naming.js';
import { addressWords, slotsCalled, tceWords, windowWords } from './words.js';

const tveWords = (value: unknown): string => {
  const tve = value as Tve;
  if (tve.mode === 'DISABLED') return 'disabled';
  return tve.mode === 'TCE' ? `hardware table ${tve.table}` : `bypass of ${hex(tve.size)} bytes`;
};

const tableWords = (value: unknown): string => (value === null ? 'none' : `hardware table ${value}`);

const cached: ItemNaming<CachedTces> = {
  key: ({ table }) => String(table),
  called: ({ table }) => `TCE cache of hardware table ${table}`,
  about: () => 'may hold old translations',
  fields: { tces: { title: '', entry: tceWords('HPA') } },
};

const stray: ItemNaming<StrayWord> = {
  key: ({ behind, at }) => `${behind} ${at}`,
  called: ({ behind, at }) => `word ${at} behind the ${behind} tree`,
  about: ({ word }) => `holds ${hex(word)}`,
};

const pe: ItemNaming<Pe> = {
  key: ({ phb, pe: number }) => `${phb} ${number}`,
  called: ({ phb, pe: number }) => `PE ${phb}:${number}`,
  fields: {
    tves: { title: '', items: slotsCalled('TVE', tveWords) },
    cache: { title: '', items: cached },
  },
};

const hardwareTable: ItemNaming<IommuTable> = {
  key: ({ table }) => String(table),
  called: ({ table }) => `hardware table ${table}`,
  about: ({ size, pageShift, levels }) => `${windowWords(size, pageShift)}, levels ${levels}`,
  skipped: ['hardwareLevels', 'allocatedBytes'],
  fields: {
    kref: { title: 'references' },
    hardware: { title: '', entry: tceWords('HPA') },
    userspace: {
      title: 'userspace view',
      skipped: ['levels'],
      fields: { slots: { title: '', entry: addressWords('UA') } },
    },
    map: { title: 'it_map', skipped: ['hint'] },
    stray: { title: '', items: stray },
  },
};

export const POWERNV_NAMES: Naming = {
  skipped: ['config'],
  fields: {
    pes: { title: '', items: pe },
    groups: {
      title: '',
      items: {
        key: ({ group }: IommuGroup) => String(group),
        called: ({ group }: IommuGroup) => `group ${group}`,
        fields: { tables: { title: '', items: slotsCalled('window', tableWords) } },
      },
    },
    tables: { title: '', items: hardwareTable },
    devices: {
      title: '',
      items: {
        key: ({ device }: HostDevice) => device,
        called: ({ device }: HostDevice) => `device ${device}`,
        fields: { tableBase: { words: tableWords } },
      },
    },
    accidents: { title: 'accident:' },
  },
};
