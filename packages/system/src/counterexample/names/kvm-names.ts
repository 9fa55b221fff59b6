import type { KvmVfioDevice, KvmVfioFile, Memslot, RcuCallback, SpaprTceTable } from '@spapr-dma/kvm';
import { hex, type ItemNaming, type Naming } from '../naming.js';
import { tceWords, windowWords } from './words.js';

const memslot: ItemNaming<Memslot> = {
  key: ({ slot }) => String(slot),
  called: ({ slot }) => `memslot ${slot}`,
  about: ({ gpa, bytes }) => `${hex(bytes)} bytes at GPA ${hex(gpa)}`,
};

const kvmTable: ItemNaming<SpaprTceTable> = {
  key: ({ id }) => String(id),
  called: ({ id, liobn }) => `KVM's table ${id} of LIOBN ${hex(liobn)}`,
  about: ({ size, pageShift }) => windowWords(size, pageShift),
  skipped: ['pages'],
  fields: {
    view: { title: '', entry: tceWords('GPA') },
    iommuTables: {
      title: '',
      items: {
        key: ({ hw }: SpaprTceTable['iommuTables'][number]) => String(hw.table),
        called: ({ hw }: SpaprTceTable['iommuTables'][number]) => `attached hardware table ${hw.table}`,
        fields: { kref: { title: 'references' } },
      },
    },
  },
};

const freedWords = ({ free }: RcuCallback): string =>
  free.kind === 'table' ? `KVM's table ${free.stt}` : `the reference to hardware table ${free.hw.table}`;

const vfioFileWords = ({ file, group }: KvmVfioFile): string =>
  file.kind === 'group'
    ? `group ${file.group}`
    : `device file ${file.fd}${group === null ? '' : ` of group ${group}`}`;

export const KVM_NAMES: Naming = {
  skipped: ['config', 'vcpus', 'ioctls'],
  fields: {
    tables: { title: '', items: kvmTable },
    memslots: { title: '', items: memslot },
    enabledHcalls: { title: 'in-kernel' },
    device: {
      title: 'KVM-VFIO device',
      about: ({ fd }: KvmVfioDevice) => `descriptor ${fd}`,
      fields: { files: { title: '', items: { key: vfioFileWords, called: vfioFileWords } } },
    },
    rcu: {
      title: '',
      skipped: ['at', 'stack', 'thread'],
      fields: {
        callbacks: {
          title: 'RCU:',
          items: { key: freedWords, called: freedWords, about: () => 'to be freed', skipped: ['free'] },
        },
      },
    },
    failNext: { title: 'fails next:' },
    holds: { title: 'calls that hold the vCPUs' },
  },
};
