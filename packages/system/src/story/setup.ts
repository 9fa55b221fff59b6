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

/** Pages of a host that a story says nothing about. */
const HOST_PAGE_SHIFT = 16;

/** The machines of a story, before anything happened. */
export function participantsOf(
  machine: MachineSetup,
  settings: Settings,
  size: Size,
): readonly Participant[] {
  const { guest, kvm, host, vcpus, guestPageShift, destination } = machine;
  const input = qemuInputOf(machine, settings, size);
  const hypervisor = kvm ? 'kvm' : 'qemu-spapr';
  const kvmConfig = kvmConfigOf(settings, size, host?.pageShift ?? HOST_PAGE_SHIFT);
  return [
    ...(guest ? [guestParticipant(guestConfigOf(settings, size, guestPageShift, hypervisor), vcpus)] : []),
    ...(kvm ? [kvmParticipant(kvmConfig, vcpus)] : []),
    qemuParticipant('qemu-spapr', input),
    ...(destination ? [qemuParticipant('qemu-destination', input)] : []),
    ...(kvm || host !== null ? hostParticipants(machine, settings, size) : []),
  ];
}
