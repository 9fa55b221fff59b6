import { bytes, type Device, ioba, type PhbDevice } from '@spapr-dma/protocol';
import { DEFAULT_VIOS, type QemuInput, ramOf } from '@spapr-dma/qemu-spapr';
import { guestConfigOf, qemuConfigOf } from '../configs.js';
import { guestParticipant, qemuParticipant } from '../machines.js';
import type { Participant } from '../participants.js';
import type { Settings } from '../settings.js';
import { SIZES, type Size, type Sizes } from '../sizes.js';
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
    ...machine.devices.map((device) => ({ driver: 'pci' as const, ...device })),
  ];
}

/** The machines of a story, before anything happened. */
export function participantsOf(
  machine: MachineSetup,
  settings: Settings,
  size: Size,
): readonly Participant[] {
  const sizes = SIZES[size];
  const input: QemuInput = {
    config: qemuConfigOf(settings),
    ram: ramOf(machine.ram ?? sizes.ram),
    devices: devicesOf(machine, sizes),
  };
  return [
    ...(machine.guest
      ? [guestParticipant(guestConfigOf(settings, size, machine.guestPageShift), machine.vcpus)]
      : []),
    qemuParticipant('qemu-spapr', input),
    ...(machine.destination ? [qemuParticipant('qemu-destination', input)] : []),
  ];
}
