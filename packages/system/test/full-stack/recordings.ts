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

/** `-m 512M,maxmem=1G`, one vCPU, on a host of 10 GiB with a PHB for each of three devices. */
const MACHINE = {
  ram: hex(512n * MIB),
  hotplugMax: hex(1536n * MIB),
  guestPageShift: 16,
} as const;

/** An nvme behind PHB 1 or 2 of the host, in the guest's slot of that number. */
const vfio = (slot: 1 | 2): Step => ({
  do: 'device_add-vfio',
  id: `v${slot}`,
  phb: 0,
  devfn: slot << 3,
  host: `000${slot}:01:00.0`,
  group: slot,
});
const EMULATED = { id: 'em', phb: 0, devfn: 4 << 3 } as const;

const probe = (device: string): Step => ({ do: 'probe', device, dmaMask: '0xffffffffffffffff' });
const boot = (bootArgs: Step = {}): readonly Step[] => [
  { do: 'system_reset' },
  { do: 'power-on', ...bootArgs },
];
const reboot: readonly Step[] = [{ do: 'system_reset' }, { do: 'machine-reset' }, { do: 'power-on' }];
const quit: readonly Step[] = [{ do: 'quit' }, { do: 'exit-kvm' }, { do: 'exit-vfio' }];
const remove = (device: string): readonly Step[] => [
  { do: 'device_del-pci', id: device },
  { do: 'dlpar-remove-device', device },
];
const DIMM = { gpa: hex(1024n * MIB), bytes: hex(256n * MIB) } as const;

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
    machine: { ...MACHINE, guestPageShift: 12 },
    phases: [
      ['qstart', [vfio(1), ...boot()]],
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
      ['HMP device_add', [vfio(1)]],
      ['GUEST hp_add', [{ do: 'dlpar-add-device', device: 'v1' }, probe('v1')]],
      ['GUEST hp_rm', remove('v1')],
      ['HMP device_add', [vfio(1)]],
      ['GUEST hp_add', [{ do: 'dlpar-add-device', device: 'v1' }, probe('v1')]],
      ['GUEST hp_rm', remove('v1')],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'two-b',
    machine: MACHINE,
    phases: [
      ['qstart', [vfio(1), vfio(2), ...boot()]],
      ['GUEST ld nvme', [probe('v1'), probe('v2')]],
      ['GUEST hp_rm', remove('v1')],
      ['HMP quit', quit],
    ],
  },
  {
    name: 'reset-b',
    machine: MACHINE,
    phases: [
      ['qstart', [vfio(1), ...boot()]],
      ['GUEST ld nvme', [probe('v1')]],
      ['HMP system_reset', reboot],
      ['GUEST ld nvme', [probe('v1')]],
      ['guest reboot', reboot],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'quit-b',
    machine: MACHINE,
    phases: [
      ['qstart', [vfio(1), ...boot()]],
      ['GUEST ld nvme', [probe('v1')]],
      ['HMP quit', quit],
    ],
  },
  {
    name: 'memhp-b',
    machine: { ...MACHINE, hotplugMax: hex(2560n * MIB) },
    phases: [
      ['qstart', [vfio(1), ...boot()]],
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
    machine: { ...MACHINE },
    phases: [['qstart', [{ do: 'set-memlock', kb: 1024 }, vfio(1), ...quit]]],
  },
  {
    name: 'memlockhp-b',
    machine: { ...MACHINE, devices: [EMULATED] },
    phases: [
      ['qstart', [{ do: 'set-memlock', kb: 400_000 }, ...boot()]],
      ['GUEST ld nvme', [probe('em')]],
      ['HMP device_add', [vfio(1)]],
      ['GUEST poweroff', quit],
    ],
  },
  {
    name: 'memlockddwkvm-b',
    machine: MACHINE,
    phases: [
      ['qstart', [{ do: 'set-memlock', kb: 530_700 }, vfio(1), ...boot()]],
      ['GUEST ld nvme', [probe('v1'), ...quit.slice(1)]],
    ],
  },
];
