import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The program that runs in the guest, assembled: where a stretch of it stands, and its bytes. The source is
 * `tools/qemu-live/stub.S`.
 */
const STRETCHES: readonly { readonly at: number; readonly code: string }[] = [
  {
    at: 0x100,
    code:
      '39c0000179cef8067e0000a67e1073787e0001643de00001f86f00188a0f00008a2f00407c108800' +
      '4182fff44c00012cea4f0008ea6f00102c32000041820074fa4f0020e8730000e8930008e8b30010' +
      'e8d30018e8f30020e9130028e9330030e95300382c23ffff418200942c23fffe4182004c2c23fffd' +
      '4182005044000022f8730000f8930008f8b30010f8d30018f8f30020f9130028f9330030f9530038' +
      '3a7300403a52ffff2c3200004082ff947c0004ac9a0f00404bffff64e8c60000386000204bffffb8' +
      '7c9423787cb52b78386000006063f0007e84a378440000222c2300004082ff9c82d500003ad6ffff' +
      '281600054180ffdc4bffff887c9423787cb52b783ec004007ed603a6386000e0440000223ac00000' +
      '7ec101643860003c7e84a3787ea5ab78440000222c2300004082ff50709600014082ffcc4bffff44',
  },
  {
    at: 0x900,
    code: '3ee07fff7ef603a64c000024',
  },
];

/** Bytes of the image that QEMU loads at guest address 0. */
const IMAGE_BYTES = 0x1000;

/** What stands at guest address 0 when the machine starts. */
export function stubImage(): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES);
  for (const { at, code } of STRETCHES) image.write(code, at, 'hex');
  return image;
}

/** The file that QEMU loads it from. */
export const stubFile = (folder: string): string => join(folder, 'stub');

export const writeStub = (folder: string): void => writeFileSync(stubFile(folder), stubImage());
