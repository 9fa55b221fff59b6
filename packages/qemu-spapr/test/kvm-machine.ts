import { bytes, type VioDevice } from '@spapr-dma/protocol';
import type { QemuConfig } from '../src/index.ts';
import { afterWith, besideKvm, FakeKvm, startMain } from './kvm-fake.ts';
import { type Qemu, realize, systemReset } from './machine.ts';

export const PHB = { driver: 'spapr-pci-host-bridge', index: 0 } as const;
/** A default window of 4 entries, so that views can be looked at whole. */
export const SMALL = { ...PHB, dmaWinSize: bytes(0x4000n) } as const;
export const VSCSI: VioDevice = {
  driver: 'spapr-vscsi',
  reg: 0x7100_0002,
  rtceWindowBytes: bytes(0x1000_0000n),
};

export interface Started {
  readonly kvm: FakeKvm;
  readonly qemu: Qemu;
}
export const started = (
  config: QemuConfig = besideKvm(),
  devices: readonly (typeof PHB | VioDevice)[] = [SMALL],
): Started => {
  const kvm = new FakeKvm();
  return { kvm, qemu: afterWith(kvm, realize({ config, devices }), startMain) };
};
export const runs = (config?: QemuConfig, devices?: readonly (typeof PHB | VioDevice)[]): Started => {
  const { kvm, qemu } = started(config, devices);
  const at = afterWith(kvm, qemu, systemReset);
  kvm.asked();
  return { kvm, qemu: at };
};
