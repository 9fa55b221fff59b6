import type { Device } from '@spapr-dma/protocol';
import type { Phb, QemuState } from '@spapr-dma/qemu-spapr';

/** What was plugged or unplugged since the start must stand on the command line of who goes on, or be left out there. */
export function devicesAfter(given: readonly Device[], { phbs, devices }: QemuState): readonly Device[] {
  const present = phbs.filter(({ mode }) => mode === 'present').map(({ properties }) => properties.index);
  const isGiven = (index: number) =>
    given.some((device) => device.driver === 'spapr-pci-host-bridge' && device.index === index);
  const plugged = phbs.filter(({ mode, properties }) => mode === 'present' && !isGiven(properties.index));
  return [
    ...given
      .filter(({ driver }) => driver !== 'pci')
      .filter((device) => device.driver !== 'spapr-pci-host-bridge' || present.includes(device.index)),
    ...plugged.map(({ properties }): Device => ({ driver: 'spapr-pci-host-bridge', ...properties })),
    ...devices,
  ];
}

/** The stream carries the condition of the connectors too. @see [QEMU] hw/ppc/spapr_drc.c: vmstate_spapr_drc */
export const withConnectorsOf = (loaded: QemuState, source: QemuState): QemuState => ({
  ...loaded,
  phbs: loaded.phbs.map((phb): Phb => {
    const before = source.phbs.find(({ properties }) => properties.index === phb.properties.index);
    return before === undefined ? phb : { ...phb, drc: before.drc, slots: before.slots };
  }),
});
