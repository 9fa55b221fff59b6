import { join } from 'node:path';
import type { GuestImage } from '../image/guest-image.js';
import { type Scenario, TRACED } from '../scenario.js';

/** Names of files in the folder of a recorded QEMU. */
export const FILES = {
  trace: 'trace.log',
  console: 'console',
  consoleSocket: 'console.sock',
  initrd: 'initrd',
  arriving: 'migration.sock',
} as const;

export const diskFile = (disk: number): string => `disk${disk}.img`;

/** TCG has none of these; without the words QEMU would complain of each. */
const MACHINE = 'pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off';

export interface Places {
  /** Folder of this QEMU. */
  readonly folder: string;
  /** Folder with the disks. */
  readonly disks: string;
  /** Whether the guest comes from another QEMU. */
  readonly isArriving: boolean;
}

/** What QEMU is started with for a scenario, but for its monitor. */
export function machineArguments(
  scenario: Scenario,
  image: Pick<GuestImage, 'vmlinux'>,
  { folder, disks, isArriving }: Places,
): readonly string[] {
  const at = (file: string): string => join(folder, file);
  const drives = Array.from({ length: scenario.disks }, (_, disk) => [
    '-drive',
    `if=none,id=disk${disk},file=${join(disks, diskFile(disk))},format=raw,cache=unsafe`,
  ]);
  return [
    ...['-M', MACHINE, '-accel', 'tcg,thread=multi', '-cpu', 'power9'],
    ...['-smp', `${scenario.vcpus}`, '-m', scenario.memory],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none'],
    ...[
      '-chardev',
      `socket,id=console,path=${at(FILES.consoleSocket)},server=on,wait=off,logfile=${at(FILES.console)}`,
    ],
    ...['-serial', 'chardev:console'],
    ...['-kernel', image.vmlinux, '-initrd', at(FILES.initrd)],
    ...['-append', ['console=hvc0', scenario.append ?? ''].join(' ').trim()],
    ...['-msg', 'timestamp=on', '-D', at(FILES.trace)],
    ...TRACED.flatMap((events) => ['-trace', events]),
    ...drives.flat(),
    ...scenario.args,
    ...(isArriving ? ['-incoming', `unix:${at(FILES.arriving)}`] : []),
  ];
}

/** A command line as it may be typed, without the folders of this machine. */
export function commandLine(args: readonly string[], folders: readonly string[]): string {
  const plain = args.map((arg) => folders.reduce((text, folder) => text.replaceAll(`${folder}/`, ''), arg));
  return ['qemu-system-ppc64', ...plain.map((arg) => (/[^\w@%+=:,./-]/.test(arg) ? `'${arg}'` : arg))].join(
    ' ',
  );
}
