import { bytes, type Device, ioba, type PhbDevice } from '@spapr-dma/protocol';
import { DEFAULT_VIOS, type QemuInput, ramOf } from '@spapr-dma/qemu-spapr';
import { guestConfigOf, kvmCapsOf, kvmConfigOf, qemuConfigOf } from '../configs.js';
import { guestParticipant, kvmParticipant, qemuParticipant } from '../machines.js';
import type { Participant } from '../participants.js';
import type { Settings } from '../settings.js';
import { SIZES, type Size, type Sizes } from '../sizes.js';
import { hostParticipants } from './setup-host.js';
import type { MachineSetup } from './story.js';

/** A PHB of the story; what it leaves open is the machine version's, but for the size of its default window. */
export function phbDeviceOf(
  phb: { readonly index: number } & Partial<Omit<MachineSetup['phbs'][number], 'index'>>,
  sizes: Sizes,
): PhbDevice {
  const { index, ddw, pgsz, dmaWinAddr, dmaWinSize, dma64WinAddr } = phb;
  return {
    driver: 'spapr-pci-host-bridge',
    index,
    dmaWinSize: bytes(dmaWinSize ?? sizes.dmaWinSize),
    ...(ddw == null ? {} : { ddw }),
    ...(pgsz == null ? {} : { pgsz }),
    ...(dmaWinAddr == null ? {} : { dmaWinAddr: ioba(dmaWinAddr) }),
    ...(dma64WinAddr == null ? {} : { dma64WinAddr: ioba(dma64WinAddr) }),
  };
}

/** A function on the command line: emulated, or one of the host's. */
const functionOf = ({ id, phb, devfn, host, group }: MachineSetup['devices'][number]): Device =>
  host === null
    ? { driver: 'pci', id, phb, devfn }
    : { driver: 'vfio-pci', id, phb, devfn, host, group: group ?? 0 };

/** The command line's devices: PHB 0 is always there. */
function devicesOf(machine: MachineSetup, sizes: Sizes): readonly Device[] {
  const phbs = machine.phbs.some(({ index }) => index === 0) ? machine.phbs : [{ index: 0 }, ...machine.phbs];
  const vios = machine.vios.map(({ driver, reg, rtceWindowBytes }) => ({
    driver,
    reg: Number(reg),
    rtceWindowBytes: bytes(rtceWindowBytes),
  }));
  return [
    ...phbs.map((phb) => phbDeviceOf(phb, sizes)),
    ...DEFAULT_VIOS,
    ...vios,
    ...machine.devices.map(functionOf),
  ];
}

/** What QEMU is started with. */
function qemuInputOf(machine: MachineSetup, settings: Settings, size: Size): QemuInput {
  const sizes = SIZES[size];
  return {
    config: {
      ...qemuConfigOf(settings),
      kvm: machine.kvm ? kvmCapsOf(settings) : null,
      entriesAtOnce: sizes.entriesAtOnce,
      hostPageShift: machine.host?.pageShift ?? HOST_PAGE_SHIFT,
      ramPageShift: machine.host?.pageShift ?? HOST_PAGE_SHIFT,
    },
    ram: ramOf(machine.ram ?? sizes.ram),
    devices: devicesOf(machine, sizes),
  };
}

/** The QEMU that the guest starts on, and the one that a migration goes to. */
const SOURCE = 'qemu-spapr';
const DESTINATION = 'qemu-destination';
/** Pages of a host that a story says nothing about. */
const HOST_PAGE_SHIFT = 16;

/** The machines of one host: QEMU, and what the kernel has below it. */
function hostOf(machine: MachineSetup, settings: Settings, size: Size, qemu: string): readonly Participant[] {
  const { kvm, host, vcpus } = machine;
  const kvmConfig = kvmConfigOf(settings, size, host?.pageShift ?? HOST_PAGE_SHIFT);
  return [
    ...(kvm ? [kvmParticipant(kvmConfig, vcpus)] : []),
    qemuParticipant(qemu, qemuInputOf(machine, settings, size)),
    ...(kvm || host !== null ? hostParticipants(machine, settings, size) : []),
  ];
}

/** What a migration goes to: a QEMU beside the first, or a host of its own where there are kernels below them. */
function destinationOf(machine: MachineSetup, settings: Settings, size: Size): readonly Participant[] {
  const there = hostOf(machine, settings, size, DESTINATION);
  if (there.length === 1) return there;
  return there.map((each) => ({
    ...each,
    name: each.name === DESTINATION ? each.name : `${each.name}-destination`,
    host: DESTINATION,
  }));
}

/** The machines of a story, before anything happened. */
export function participantsOf(
  machine: MachineSetup,
  settings: Settings,
  size: Size,
): readonly Participant[] {
  const { guest, kvm, vcpus, guestPageShift, destination } = machine;
  const hypervisor = kvm ? 'kvm' : 'qemu-spapr';
  const source = hostOf(machine, settings, size, SOURCE);
  const hasKernels = source.length > 1;
  return [
    ...(guest ? [guestParticipant(guestConfigOf(settings, size, guestPageShift, hypervisor), vcpus)] : []),
    ...(destination && hasKernels ? source.map((each) => ({ ...each, host: SOURCE })) : source),
    ...(destination ? destinationOf(machine, settings, size) : []),
  ];
}
