import type {
  Dma,
  Phb,
  RamBlock,
  RcuCallback,
  SpaprTceTable,
  Task,
  VfioContainer,
  VfioDevice,
  VfioGroup,
  Vio,
} from '@spapr-dma/qemu-spapr';
import { hex, type ItemNaming, type Naming, plainWords } from '../naming.js';
import { slotsCalled, tceWords, valuesCalled } from './words.js';

const table: ItemNaming<SpaprTceTable> = {
  key: ({ liobn }) => hex(liobn),
  called: ({ liobn }) => `LIOBN ${hex(liobn)}`,
  fields: {
    view: { title: '', entry: tceWords('GPA') },
    fd: { title: "KVM's descriptor" },
    defWin: { title: 'default window' },
  },
};

const taskWords = (value: unknown): string => {
  const task = value as Task | null;
  return task?.mode === 'waiting' ? task.thread : 'free';
};

const rcuWords = (callback: RcuCallback): string =>
  callback.kind === 'sync' ? `PHB ${callback.phb} looks for devices anew` : `${callback.id} is finalized`;

const memslotWords = (gpa: unknown): string => (gpa === null ? 'free' : `GPA ${plainWords(gpa)}`);

const phb: ItemNaming<Phb> = {
  key: ({ properties }) => String(properties.index),
  called: ({ properties }) => `PHB ${properties.index}`,
  fields: {
    slots: {
      title: '',
      items: {
        key: ({ devfn }: Phb['slots'][number]) => String(devfn),
        called: ({ devfn }: Phb['slots'][number]) => `slot ${devfn}`,
      },
    },
  },
};

const container: ItemNaming<VfioContainer> = {
  key: ({ fd }) => String(fd),
  called: ({ fd }) => `container with descriptor ${fd}`,
  about: ({ phb: index }) => `of PHB ${index}`,
  fields: {
    groups: { title: '', items: valuesCalled('group') },
    hostwins: { title: '', items: valuesCalled('host window') },
    giommus: { title: '', items: valuesCalled('notifier') },
    ram: { title: '', items: valuesCalled('registered memory') },
  },
};

export const QEMU_NAMES: Naming = {
  skipped: ['config'],
  fields: {
    ram: {
      title: '',
      items: {
        key: ({ gpa }: RamBlock) => hex(gpa),
        called: ({ gpa }: RamBlock) => `memory at GPA ${hex(gpa)}`,
        about: ({ bytes }: RamBlock) => `${hex(bytes)} bytes`,
      },
    },
    tables: { title: '', items: table },
    phbs: { title: '', items: phb },
    vios: {
      title: '',
      items: { key: ({ reg }: Vio) => hex(reg), called: ({ reg }: Vio) => `VIO device ${hex(reg)}` },
    },
    devices: {
      title: '',
      items: {
        key: ({ id }: { readonly id: string }) => id,
        called: ({ id }: { readonly id: string }) => `device ${id}`,
      },
    },
    creating: { title: 'window being created', words: (value) => (value === null ? 'none' : 'one') },
    task: { title: 'big lock', words: taskWords },
    dmas: {
      title: '',
      items: {
        key: ({ call }: Dma) => plainWords(call.thread),
        called: ({ call }: Dma) => `DMA at ${hex(call.ioba)}`,
        skipped: ['offset', 'address', 'left', 'pieces'],
      },
    },
    rcu: { title: 'RCU:', items: { key: rcuWords, called: rcuWords, about: () => 'waits' } },
    memslots: { title: '', items: slotsCalled('memslot', memslotWords) },
    vfio: {
      title: 'VFIO',
      fields: {
        containers: { title: '', items: container },
        groups: {
          title: '',
          items: {
            key: ({ id }: VfioGroup) => String(id),
            called: ({ id }: VfioGroup) => `group ${id}`,
          },
        },
        devices: {
          title: '',
          items: {
            key: ({ id }: VfioDevice) => id,
            called: ({ id }: VfioDevice) => `device ${id}`,
          },
        },
        kvmGroups: { title: '', items: valuesCalled('group told to KVM:') },
        stale: { title: '', items: valuesCalled('notifier of a container that is gone') },
        putLiobns: { title: '', items: valuesCalled('own entries put into LIOBN') },
      },
    },
  },
};
