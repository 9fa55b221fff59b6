import { count, type Field, flag, listOf, objectOf, oneOf, optional, text, u64 } from './fields.js';

/** Whether a machine runs in KVM; `tcg` is another word for no. */
export const ACCELERATOR: Field<boolean> = {
  read: (value, place) => (value === 'tcg' ? false : flag.read(value, place)),
  schema: { enum: [true, false, 'tcg'] },
};

/** A function in a slot of the host. */
const DEVICE = objectOf({
  /** Its address, such as `0001:01:00.0`. */
  device: text,
  totalVfs: optional(count, 0),
  /** Whether vfio-pci is bound to it from the start. */
  vfioPci: optional(flag, true),
});

/** The host under the machine: with it a story has VFIO and the powernv platform. */
export const HOST = objectOf({
  pageShift: optional(oneOf(12, 16), 16 as const),
  /** Memory of the host. */
  ram: optional(u64, null),
  /** Started with `iommu=nobypass`. */
  nobypass: optional(flag, false),
  /** A PE refuses everything after a bad access; the PHB4 of the recordings did not. */
  freezesOnFault: optional(flag, true),
  /** RLIMIT_MEMLOCK of QEMU; without it there is no limit. */
  memlockKb: optional(count, null),
  capIpcLock: optional(flag, false),
  phbs: listOf(
    objectOf({
      phb: count,
      generation: optional(oneOf('PHB3', 'PHB4', 'PHB5'), 'PHB4' as const),
      devices: listOf(DEVICE),
    }),
  ),
});
