/** A step of a story's script. */
type Step = Readonly<Record<string, unknown>>;

/** What was recorded, as a machine and what was done to it. */
export interface Recording {
  /** The timeline's name. */
  readonly name: string;
  readonly machine: Readonly<Record<string, unknown>>;
  /** For each part of the recording in which something ran: how it begins, and what the environment does in it. */
  readonly phases: readonly (readonly [begins: string, script: readonly Step[]])[];
}

const MIB = 0x10_0000n;
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** The host: 10 GiB, and an nvme behind each of PHB 1 and 2 for vfio-pci. */
const HOST = {
  pageShift: 16,
  ram: hex(10_240n * MIB),
  freezesOnFault: false,
  phbs: [0, 1, 2].map((phb) => ({ phb, devices: [{ device: `000${phb}:01:00.0`, vfioPci: phb > 0 }] })),
} as const;

/** `-M pseries,accel=kvm -m 512M,maxmem=1G -smp 1` with a guest of 64K pages. */
const MACHINE = {
  kvm: true,
  host: HOST,
  ram: hex(512n * MIB),
  hotplugMax: hex(1536n * MIB),
  guestPageShift: 16,
} as const;

/** RLIMIT_MEMLOCK of QEMU, which has no CAP_IPC_LOCK. */
const limited = (memlockKb: number) => ({ ...MACHINE, host: { ...HOST, memlockKb } });

/** An nvme behind PHB 1 or 2 of the host, in the guest's slot of that number. */
const vfio = (slot: 1 | 2) => ({
  id: `v${slot}`,
  phb: 0,
  devfn: slot << 3,
  host: `000${slot}:01:00.0`,
  group: slot,
});
const plug: Step = { do: 'device_add-vfio', ...vfio(1) };
const EMULATED = { id: 'em', phb: 0, devfn: 4 << 3 } as const;

const probe = (device: string): Step => ({ do: 'probe', device, dmaMask: '0xffffffffffffffff' });
const boot = (bootArgs: Step = {}): readonly Step[] => [
  { do: 'system_reset' },
  { do: 'power-on', ...bootArgs },
];
const reboot: readonly Step[] = [{ do: 'system_reset' }, { do: 'machine-reset' }, { do: 'power-on' }];
/** The host's kernel ends what is left of QEMU: its files in KVM, and beside them those in VFIO. */
const exit: readonly Step[] = [{ do: 'exit-kvm' }, { do: 'exit-vfio', when: 'possible' }];
const quit: readonly Step[] = [{ do: 'quit' }, ...exit];
const remove = (device: string): readonly Step[] => [
  { do: 'device_del-pci', id: device },
  { do: 'dlpar-remove-device', device },
];
const DIMM = { gpa: hex(1024n * MIB), bytes: hex(256n * MIB) } as const;

const VFIO = { ...MACHINE, devices: [vfio(1)] };

/** The recordings in which the order of operations is compared. */
export const RECORDINGS: readonly Recording[] = [
  {
    name: 'kvm-b',
    machine: { ...MACHINE, devices: [EMULATED] },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('em')]],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'boot4k-b',
    machine: { ...VFIO, guestPageShift: 12 },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('v1')]],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'hotplug-b',
    machine: { ...MACHINE, devices: [EMULATED] },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('em')]],
      ['HMP device_add', [plug]],
      ['GUEST hp_add', [{ do: 'dlpar-add-device', device: 'v1' }, probe('v1')]],
      ['GUEST hp_rm', remove('v1')],
      ['HMP device_add', [plug]],
      ['GUEST hp_add', [{ do: 'dlpar-add-device', device: 'v1' }, probe('v1')]],
      ['GUEST hp_rm', remove('v1')],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'two-b',
    machine: { ...MACHINE, devices: [vfio(1), vfio(2)] },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('v1'), probe('v2')]],
      ['GUEST hp_rm', remove('v1')],
      ['HMP quit', quit],
    ],
  },
  {
    name: 'reset-b',
    machine: VFIO,
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('v1')]],
      ['HMP system_reset', reboot],
      ['GUEST ld nvme', [probe('v1')]],
      ['guest reboot', reboot],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'quit-b',
    machine: VFIO,
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('v1')]],
      ['HMP quit', quit],
    ],
  },
  {
    name: 'memhp-b',
    machine: { ...VFIO, hotplugMax: hex(2560n * MIB) },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('v1')]],
      [
        'HMP device_add pc-dimm',
        [
          { do: 'device_add-memory', ...DIMM },
          { do: 'online-memory', ...DIMM },
        ],
      ],
      [
        'HMP device_del dm1',
        [
          { do: 'offline-memory', ...DIMM },
          { do: 'device_del-memory', gpa: DIMM.gpa },
        ],
      ],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'memlock1m-b',
    machine: { ...limited(1024), devices: [vfio(1)] },
    phases: [['qstart', exit]],
  },
  {
    name: 'memlockhp-b',
    machine: { ...limited(400_000), devices: [EMULATED] },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('em')]],
      ['HMP device_add', [plug]],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'memlockddwkvm-b',
    machine: { ...limited(530_700), devices: [vfio(1)] },
    phases: [
      ['qstart', boot()],
      ['GUEST ld nvme', [probe('v1'), ...exit]],
    ],
  },
];
