import type { Scenario } from '../scenario.js';

const MEMORY = '2G,slots=4,maxmem=4G';
const machine = { kernel: '4k', memory: MEMORY, vcpus: 2, disks: 1, args: [] } as const;

const nvme = (disk: number, bus = 'pci.0'): readonly string[] => [
  '-device',
  `nvme,serial=disk${disk},drive=disk${disk},bus=${bus}`,
];
const NETWORK = ['-netdev', 'user,id=net0'];
const e1000e = (more = ''): readonly string[] => [
  ...NETWORK,
  '-device',
  `e1000e,netdev=net0,romfile=${more}`,
];

const USE_NVME = `
load nvme
await /dev/nvme0n1
mark nvme
transfer /dev/nvme0n1
`;

const USE_NETWORK = `
ifconfig eth0 10.0.2.15 up
sleep 3
ping -c 2 -W 5 10.0.2.2 || fail no answer to ping
mark network
`;

const ddw: Scenario = {
  ...machine,
  name: 'ddw',
  shows: 'boot with one nvme: its 64-bit DMA mask makes a directly mapped dynamic window; reads and writes',
  args: nvme(0),
  script: USE_NVME,
  events: { some: ['spapr_iommu_ddw_create', 'spapr_iommu_pci_indirect', 'spapr_iommu_xlate'] },
};

const noDdw: Scenario = {
  ...machine,
  name: 'no-ddw',
  shows: 'boot with disable_ddw: everything goes through the default window; disk and network traffic',
  append: 'disable_ddw',
  args: [...nvme(0), ...e1000e()],
  script: `load e1000e${USE_NVME}${USE_NETWORK}`,
  events: { some: ['spapr_iommu_pci_put', 'spapr_iommu_xlate'], none: ['spapr_iommu_ddw_create'] },
};

const guest64k: Scenario = {
  ...machine,
  name: '64k-guest',
  shows: 'a kernel with pages of 64K, an nvme and an e1000e on one dynamic window',
  kernel: '64k',
  args: [...nvme(0), ...e1000e()],
  script: `load e1000e${USE_NVME}${USE_NETWORK}`,
  events: { some: ['spapr_iommu_ddw_create', 'spapr_iommu_xlate'] },
};

const twoPhbs: Scenario = {
  ...machine,
  name: 'two-phbs',
  shows: 'two PHBs with an nvme each, and a dynamic window on either',
  disks: 2,
  args: ['-device', 'spapr-pci-host-bridge,index=1,id=phb1', ...nvme(0), ...nvme(1, 'phb1.0')],
  script: `${USE_NVME}
await /dev/nvme1n1
transfer /dev/nvme1n1
`,
  events: { some: ['spapr_iommu_ddw_create', 'spapr_iommu_xlate'] },
};

/** Slot 3 and 5 of PHB 0, as the guest's tools call them. */
const SLOT_3 = 'C24';
const SLOT_5 = 'C40';

const unplug = (id: string): readonly [string, { steps: Scenario['arrived'] & object }] => [
  `unplug-${id}`,
  { steps: [{ execute: 'device_del', arguments: { id } }] },
];

const hotplug: Scenario = {
  ...machine,
  name: 'hotplug',
  shows: 'an nvme and an e1000e are plugged into a running guest, used, and unplugged again',
  disks: 2,
  args: [...NETWORK, ...nvme(0)],
  script: `${USE_NVME}
# Linux lets go of all devices of a bus when one of them is unplugged.
use_first_disk() {
  echo 1 >/sys/bus/pci/rescan
  await /dev/nvme0n1
  transfer /dev/nvme0n1
}
load rpaphp rpadlpar_io
ask plug-disk
drmgr -c pci -s ${SLOT_3} -n -a || fail drmgr does not add the disk
await /dev/nvme1n1
transfer /dev/nvme1n1
ask plug-network
drmgr -c pci -s ${SLOT_5} -n -a || fail drmgr does not add the network
load e1000e${USE_NETWORK}
ask unplug-disk
drmgr -c pci -s ${SLOT_3} -n -r || fail drmgr does not remove the disk
ask unplugged
use_first_disk
ask unplug-network
drmgr -c pci -s ${SLOT_5} -n -r || fail drmgr does not remove the network
ask unplugged
use_first_disk
`,
  asked: {
    'plug-disk': {
      steps: [
        {
          execute: 'device_add',
          arguments: { driver: 'nvme', serial: 'disk1', drive: 'disk1', id: 'disk', addr: '3' },
        },
      ],
    },
    'plug-network': {
      steps: [
        {
          execute: 'device_add',
          arguments: { driver: 'e1000e', netdev: 'net0', romfile: '', id: 'network', addr: '5' },
        },
      ],
    },
    ...Object.fromEntries([unplug('disk'), unplug('network')]),
    unplugged: { steps: [{ event: 'DEVICE_DELETED' }] },
  },
  events: { some: ['spapr_iommu_ddw_create', 'spapr_drc_set_configured', 'spapr_drc_unplug_request'] },
};

const reset: Scenario = {
  ...machine,
  name: 'reset',
  shows:
    'three boots: the guest reboots itself, and is then reset from the monitor in the middle of transfers',
  args: nvme(0),
  script: `${USE_NVME}
case $boot in
  1)
    mark reboot
    reboot -f
    sleep 600
    ;;
  2)
    while :; do dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null; done &
    sleep 1
    ask reset
    sleep 600
    ;;
esac
`,
  asked: { reset: { steps: [{ execute: 'system_reset' }], isAnswered: false } },
  events: { some: ['spapr_iommu_ddw_create', 'spapr_iommu_new_table'] },
};

const kexec: Scenario = {
  ...machine,
  name: 'kexec',
  shows:
    'a kernel starts another by kexec and leaves its dynamic window behind, which the second one takes over',
  args: nvme(0),
  hasOwnImage: true,
  script: `${USE_NVME}
if [ $boot = 1 ]; then
  kexec -l /boot/vmlinux --initrd=/boot/initrd --append=console=hvc0 || fail kexec does not load the kernel
  mark kexec
  kexec -e
  fail kexec does not start the kernel
fi
`,
  events: { some: ['spapr_iommu_ddw_create', 'spapr_iommu_pci_stuff'] },
};

const migration: Scenario = {
  ...machine,
  name: 'migration',
  shows:
    'a guest with a dynamic window moves to another QEMU while it reads; there it is reset and boots again',
  memory: '1G,slots=4,maxmem=4G',
  vcpus: 1,
  args: ['-device', 'virtio-blk-pci,drive=disk0,iommu_platform=on,disable-legacy=on', ...e1000e()],
  script: `
load virtio_pci virtio_blk e1000e
await /dev/vda
mark virtio
transfer /dev/vda${USE_NETWORK}
if [ $boot = 1 ]; then
  while :; do dd if=/dev/vda of=/dev/null bs=16k count=8 iflag=direct 2>/dev/null; sleep 0.2; done &
  sleep 1
  ask migrate
  sleep 600
fi
`,
  asked: { migrate: { steps: [{ migrate: true }], isAnswered: false } },
  arrived: [{ waitSeconds: 5 }, { execute: 'query-status' }, { execute: 'system_reset' }],
  events: { some: ['spapr_iommu_pre_save', 'spapr_iommu_post_load', 'spapr_iommu_xlate'] },
};

/** All scenarios, in the order in which they are recorded. */
export const SCENARIOS: readonly Scenario[] = [
  ddw,
  noDdw,
  guest64k,
  twoPhbs,
  hotplug,
  reset,
  kexec,
  migration,
];
