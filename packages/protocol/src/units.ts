/**
 * Units as types. A number of entries is not an index, an index is not an address, and a guest page is
 * not a host page: each has its own type, and they meet only in the named conversions below.
 *
 * A unit exists only while types are checked; at run time it is the plain number or bigint.
 */
declare const unit: unique symbol;

/** A value of type `T` that counts `Name`; two units never mix without a conversion. */
export type Unit<T, Name extends string> = T & { readonly [unit]: Name };

/** A LIOBN that fits a table's 32-bit name. As an argument of a call it is a raw 64-bit register. */
export type Liobn = Unit<number, 'LIOBN'>;
/** A BUID, which names a PHB towards the guest: 64 bits. */
export type Buid = Unit<bigint, 'BUID'>;

/** A bus address as a device or a hypercall gives it, in bytes. */
export type Ioba = Unit<bigint, 'IOBA in bytes'>;
/** An address relative to the start of its window, in bytes. */
export type WindowOffset = Unit<bigint, 'window offset in bytes'>;
/** A guest physical address, in bytes. */
export type Gpa = Unit<bigint, 'GPA in bytes'>;
/** A host userspace address (QEMU's), in bytes. */
export type Ua = Unit<bigint, 'UA in bytes'>;
/** A host physical address, in bytes. */
export type Hpa = Unit<bigint, 'HPA in bytes'>;
/** An amount of memory or of address space, in bytes. */
export type Bytes = Unit<bigint, 'bytes'>;
/** An amount of memory in kibibytes, as RLIMIT_MEMLOCK tools print it. */
export type Kibibytes = Unit<number, 'KiB'>;

/** A TCE as the guest writes it: page address and permissions in 64 bits. */
export type Tce = Unit<bigint, 'TCE'>;
/** The place of an entry in its table, from 0. Up to 2^37, so arithmetic on it must not truncate to 32 bits. */
export type TceIndex = Unit<number, 'TCE index'>;
/** A number of entries. */
export type TceCount = Unit<number, 'TCE count'>;
/** The number of levels of a table, 1 to 5. */
export type LevelCount = Unit<number, 'levels'>;

/** log2 of the bytes one TCE translates. */
export type IommuPageShift = Unit<number, 'IOMMU page shift'>;
/** log2 of the bytes of a page of the guest kernel. */
export type GuestPageShift = Unit<number, 'guest page shift'>;
/** log2 of the bytes of a page of the host kernel. */
export type HostPageShift = Unit<number, 'host page shift'>;
/** log2 of the bytes of a whole window. */
export type WindowShift = Unit<number, 'window shift'>;
/** A number of pages of the host kernel, the unit of locked_vm. */
export type HostPageCount = Unit<number, 'host pages'>;

/** Low 32 bits of a register, unsigned. */
export const low32 = (register: bigint): number => Number(register & 0xffff_ffffn);
/** High 32 bits of a register, unsigned. */
export const high32 = (register: bigint): number => Number((register >> 32n) & 0xffff_ffffn);
/** Two 32-bit cells as one 64-bit value; RTAS passes wide values so. */
export const join32 = (high: number, low: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
/** Any integer as an unsigned 64-bit register. */
export const register64 = (value: bigint): bigint => BigInt.asUintN(64, value);

export const liobn = (value: number): Liobn => (value >>> 0) as Liobn;
export const buid = (value: bigint): Buid => register64(value) as Buid;
export const ioba = (value: bigint): Ioba => register64(value) as Ioba;
export const windowOffset = (value: bigint): WindowOffset => register64(value) as WindowOffset;
export const gpa = (value: bigint): Gpa => register64(value) as Gpa;
export const tce = (value: bigint): Tce => register64(value) as Tce;
export const bytes = (value: bigint): Bytes => value as Bytes;
export const tceIndex = (value: number): TceIndex => value as TceIndex;
export const tceCount = (value: number): TceCount => value as TceCount;
export const levelCount = (value: number): LevelCount => value as LevelCount;
export const iommuPageShift = (value: number): IommuPageShift => value as IommuPageShift;
export const guestPageShift = (value: number): GuestPageShift => value as GuestPageShift;
export const hostPageShift = (value: number): HostPageShift => value as HostPageShift;
export const windowShift = (value: number): WindowShift => value as WindowShift;

/** Bytes of one page of the given shift. */
export const pageBytes = (shift: IommuPageShift | GuestPageShift | HostPageShift): Bytes =>
  (1n << BigInt(shift)) as Bytes;
/** Bytes that a number of TCEs translates. */
export const windowBytesOf = (count: TceCount, shift: IommuPageShift): Bytes =>
  (BigInt(count) << BigInt(shift)) as Bytes;
/** Bytes a flat table of that many TCEs takes: 8 each. */
export const tableBytesOf = (count: TceCount): Bytes => (BigInt(count) * 8n) as Bytes;
