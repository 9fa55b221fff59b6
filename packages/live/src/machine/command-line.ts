import { type PhbDevice, type PhbProperties, unreachable } from '@spapr-dma/protocol';
import type { QemuPlaces } from '@spapr-dma/qemu-process';
import { phbProperties } from '@spapr-dma/qemu-spapr';
import { EDU_DEVFN, eduId, type QemuMachine } from '@spapr-dma/trace';
import { stubFile } from './stub.js';

/** The newest machine version that the specification describes: what a machine has that names none. */
const MACHINE = 'pseries-7.2';

/** TCG has none of these, and says so at length. */
const CAPS = 'cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,cap-htm=off';

/** A device that QEMU's command line or its monitor names. */
export type PciPlace = { readonly id: string; readonly phb: number; readonly devfn: number };

/** How a PHB is called. */
export const phbId = (index: number): string => `phb${index}`;
/** The name of its bus: that of the machine's own PHB is older than ours. */
const busOf = (phb: number): string => (phb === 0 ? 'pci.0' : `${phbId(phb)}.0`);

/** Properties by QEMU's names, every one of them given. */
export type DeviceProperties = Readonly<Record<string, string | number | boolean>>;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** All properties of a PHB of this machine. */
export const completeProperties = ({ machine }: QemuMachine, phb: PhbDevice): PhbProperties =>
  phbProperties(machine ?? MACHINE, phb);

function windowProperties(machine: QemuMachine, phb: PhbDevice): DeviceProperties {
  const { pgsz, dmaWinAddr, dmaWinSize, dma64WinAddr, ddw } = completeProperties(machine, phb);
  return {
    pgsz: hex(pgsz),
    dma_win_addr: hex(dmaWinAddr),
    dma_win_size: hex(dmaWinSize),
    dma64_win_addr: hex(dma64WinAddr),
    ddw,
  };
}

/** Which properties a device asks for by itself: the others have what the machine's version gives them. */
function givenProperties(machine: QemuMachine, phb: PhbDevice): DeviceProperties {
  const all = windowProperties(machine, phb);
  const given: readonly (readonly [string, unknown])[] = [
    ['pgsz', phb.pgsz],
    ['dma_win_addr', phb.dmaWinAddr],
    ['dma_win_size', phb.dmaWinSize],
    ['dma64_win_addr', phb.dma64WinAddr],
    ['ddw', phb.ddw],
  ];
  return Object.fromEntries(
    given.filter(([, value]) => value !== undefined).map(([name]) => [name, all[name] ?? false]),
  );
}

/** Properties that the machine's own PHB gets: by a default for all PHBs, since nobody can name it. */
const ownPhb = (machine: QemuMachine): PhbDevice | undefined => machine.phbs.find(({ index }) => index === 0);

/** A PHB as the monitor takes it. */
export function phbDevice(machine: QemuMachine, phb: PhbDevice): DeviceProperties {
  const own = ownPhb(machine);
  const others = own === undefined ? {} : Object.keys(givenProperties(machine, own));
  // Where the defaults are those of the machine's own PHB, the others have to say what they want.
  const isChanged = Object.keys(others).length > 0;
  const properties = isChanged ? windowProperties(machine, phb) : givenProperties(machine, phb);
  return { driver: 'spapr-pci-host-bridge', id: phbId(phb.index), index: phb.index, ...properties };
}

/** An `edu` as the monitor takes it. */
export function eduDevice({ id, phb, devfn }: PciPlace): DeviceProperties {
  const addr = `${(devfn >> 3).toString(16)}.${devfn & 7}`;
  return { driver: 'edu', id, bus: busOf(phb), addr, multifunction: true, dma_mask: '0xffffffffffffffff' };
}

const written = (value: string | number | boolean): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);

const asOption = ({ driver, ...properties }: DeviceProperties): readonly string[] => [
  '-device',
  [driver, ...Object.entries(properties).map(([name, value]) => `${name}=${written(value)}`)].join(','),
];

/** The devices that a machine starts with. */
export interface Plugged {
  readonly phbs: readonly PhbDevice[];
  readonly pci: readonly PciPlace[];
}

export const pluggedAtStart = ({ phbs }: QemuMachine): Plugged => ({
  phbs,
  pci: phbs.map(({ index }) => ({ id: eduId(index), phb: index, devfn: EDU_DEVFN })),
});

/**
 * What QEMU is started with.
 * @param memory path of the file that is guest memory
 */
export function commandLine(
  machine: QemuMachine,
  { phbs, pci }: Plugged,
  { folder }: QemuPlaces,
  memory: string,
): readonly string[] {
  const size = `${machine.ramMb}M`;
  const own = ownPhb(machine) ?? unreachable('a machine has a PHB 0');
  const defaults = Object.entries(givenProperties(machine, own));
  return [
    ...['-M', `${machine.machine ?? MACHINE},memory-backend=ram,${CAPS}`, '-m', size],
    ...['-object', `memory-backend-file,id=ram,size=${size},mem-path=${memory},share=on`],
    // Virtual time runs fast, and jumps where the guest waits: a transfer takes 100 ms of it.
    ...['-accel', 'tcg', '-icount', 'shift=10,sleep=off'],
    ...['-bios', stubFile(folder), '-nodefaults', '-display', 'none', '-vga', 'none', '-serial', 'none'],
    ...defaults.flatMap(([name, value]) => ['-global', `spapr-pci-host-bridge.${name}=${written(value)}`]),
    ...phbs.filter(({ index }) => index !== 0).flatMap((phb) => asOption(phbDevice(machine, phb))),
    ...machine.vios.flatMap(({ driver, reg }) => asOption({ driver, reg })),
    ...pci.flatMap((place) => asOption(eduDevice(place))),
  ];
}
