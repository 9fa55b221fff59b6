import type {
  Container,
  ContainerWindow,
  FreeingRegion,
  GroupFacts,
  Mm,
  OpenFd,
  Process,
  Region,
  TceContainer,
  ThreadState,
  VfioFile,
  VfioGroup,
} from '@spapr-dma/vfio-host';
import { hex, type ItemNaming, type Naming, plainWords } from '../naming.js';
import { slotsCalled, valuesCalled } from './words.js';

const fileWords = (file: VfioFile): string => {
  if (file.kind === 'container') return `container ${file.container}`;
  return file.kind === 'group' ? `group ${file.group}` : `device ${file.device}, opening ${file.file}`;
};

const region: ItemNaming<Region> = {
  key: ({ region: id }) => String(id),
  called: ({ region: id }) => `region ${id}`,
  about: ({ ua, entries }) => `${entries} host pages at UA ${hex(ua)}`,
  fields: { mapped: { title: 'mapped count' }, used: { title: 'holders' } },
};

const addressSpace: ItemNaming<Mm> = {
  key: ({ mm }) => String(mm),
  called: ({ mm, process }) => `address space ${mm} (${process})`,
  fields: {
    lockedPages: { title: 'locked_vm, in pages' },
    vmas: { title: 'memory areas', words: plainWords },
    regions: { title: '', items: region },
  },
};

const containerWindowWords = (value: unknown): string => {
  const window = value as ContainerWindow | null;
  return window === null
    ? 'none'
    : `hardware table ${window.facts.table}, ${window.chargedPages} pages charged`;
};

const container: ItemNaming<Container> = {
  key: ({ container: id }) => String(id),
  called: ({ container: id }) => `container ${id}`,
  fields: {
    groups: { title: '', items: valuesCalled('group') },
    iommu: {
      title: 'TCE driver',
      about: ({ version, mode }: TceContainer) => `${version}, ${mode}`,
      fields: {
        windows: { title: '', items: slotsCalled('window', containerWindowWords) },
        groups: {
          title: 'attached',
          items: {
            key: ({ group }: GroupFacts) => String(group),
            called: ({ group }: GroupFacts) => `group ${group}`,
          },
        },
        preregs: { title: 'registered', items: valuesCalled('region') },
      },
    },
  },
};

/** Names may be held twice, so their number is part of what tells them apart. */
const files: ItemNaming<VfioFile> = {
  key: (file, index) => `${index} ${fileWords(file)}`,
  called: (file) => `mapping of ${fileWords(file)}`,
};

export const VFIO_NAMES: Naming = {
  skipped: ['config'],
  fields: {
    mms: { title: '', items: addressSpace },
    processes: {
      title: '',
      items: {
        key: ({ process }: Process) => process,
        called: ({ process }: Process) => `process ${process}`,
        fields: {
          fds: {
            title: '',
            items: {
              key: ({ fd }: OpenFd) => String(fd),
              called: ({ fd }: OpenFd) => `descriptor ${fd}`,
              about: ({ file }: OpenFd) => fileWords(file),
            },
          },
          maps: { title: '', items: files },
        },
      },
    },
    groups: {
      title: '',
      items: {
        key: ({ group }: VfioGroup) => String(group),
        called: ({ group }: VfioGroup) => `group ${group}`,
      },
    },
    containers: { title: '', items: container },
    freeing: {
      title: 'RCU:',
      items: {
        key: ({ mm, region: id }: FreeingRegion) => `${mm} ${id}`,
        called: ({ mm, region: id }: FreeingRegion) => `region ${id} of address space ${mm}`,
        about: ({ entries }: FreeingRegion) => `${entries} host pages to be unpinned`,
      },
    },
    threads: {
      title: '',
      items: {
        key: ({ thread }: ThreadState) => thread,
        called: ({ thread }: ThreadState) => `thread ${thread}`,
        skipped: ['at', 'stack', 'caller'],
        fields: { locks: { title: 'holds' }, wants: { title: 'waits for' } },
      },
    },
  },
};
