import { Fields } from './fields.js';
import { phbOf, writtenPhb } from './phb-fields.js';
import type { QemuMachine } from './qemu-call.js';

/** Versions of the format: 1 has the TCE hypercalls and the DDW calls, 2 whatever one can do to a QEMU. */
export type FormatVersion = 1 | 2;

/** What the first line says. */
export interface MetaLine {
  readonly version: FormatVersion;
  readonly machine: QemuMachine;
  /** Texts that stand there besides, for people: a title, a consequence. Nobody goes by them. */
  readonly notes: Readonly<Record<string, string>>;
}

/** Fields that tell the machine; another one that is a text is a note. */
const MACHINE_FIELDS: ReadonlySet<string> = new Set<keyof QemuMachine | 'meta'>([
  'meta',
  'qemu',
  'machine',
  'seed',
  'ramMb',
  'phbs',
  'vios',
]);

const PHB_INDEX_MAX = 30;
const MACHINE_NAME = /^pseries-\d{1,3}\.\d{1,3}$/;
/** Memory of a machine of version 1, which does not say; others have a multiple of it. */
const RAM_MB_UNIT = 256;
const RAM_MB_MAX = 1 << 20;
/** The address below is taken by the memory that every machine has. */
const VIO_REG_MIN = 0x7100_0001;
const VIO_REG_MAX = 0x7100_00ff;
const VIO_DRIVERS = ['spapr-vscsi', 'spapr-vlan'] as const;

function vioOf(vio: Fields): QemuMachine['vios'][number] {
  const driver = vio.oneOf('driver', VIO_DRIVERS);
  const reg = Number(vio.hex('reg', vio.value('reg'), 32));
  if (reg < VIO_REG_MIN || reg > VIO_REG_MAX) {
    const range = `0x${VIO_REG_MIN.toString(16)} to 0x${VIO_REG_MAX.toString(16)}`;
    vio.wrong(`has a VIO address in 'reg' that is not ${range}`);
  }
  return { driver, reg };
}

function versionOf(fields: Fields): FormatVersion {
  if (!fields.has('meta')) fields.wrong("is no vectors file: the first line has no 'meta'");
  const version = fields.number('meta');
  if (version === 1 || version === 2) return version;
  return fields.wrong(`has version ${version} of the vectors format; only versions 1 and 2 are known`);
}

function machineNameOf(fields: Fields): QemuMachine['machine'] {
  if (fields.value('machine') === null) return null;
  const name = fields.string('machine');
  if (!MACHINE_NAME.test(name))
    fields.wrong(`has a 'machine' that is no pseries-X.Y: ${JSON.stringify(name)}`);
  return name as QemuMachine['machine'];
}

/** @see [QEMU] hw/ppc/spapr.c: SPAPR_MEMORY_BLOCK_SIZE */
function ramMbOf(fields: Fields): number {
  const megabytes = fields.numberIn('ramMb', RAM_MB_UNIT, RAM_MB_MAX);
  if (megabytes % RAM_MB_UNIT !== 0)
    fields.wrong(`has ${megabytes} in 'ramMb', which is no multiple of ${RAM_MB_UNIT}`);
  return megabytes;
}

const hasDuplicate = (values: readonly number[]): boolean => new Set(values).size !== values.length;

/**
 * Reads the first line.
 * @throws InputError naming the field that is wrong
 */
export function parseMeta(text: string, line: number): MetaLine {
  const fields = Fields.parse(text, line);
  const version = versionOf(fields);
  const phbs = fields.objects('phbs').map((phb) => phbOf(phb, PHB_INDEX_MAX));
  if (hasDuplicate(phbs.map(({ index }) => index))) fields.wrong("has two PHBs of one index in 'phbs'");
  const qemu = fields.string('qemu');
  if (version === 1) {
    const machine = { qemu, machine: null, seed: null, phbs, vios: [], ramMb: RAM_MB_UNIT };
    return { version, machine, notes: {} };
  }
  if (phbs[0]?.index !== 0)
    fields.wrong("has another PHB before PHB 0 in 'phbs'; every machine makes that one first");
  const vios = fields.objects('vios').map(vioOf);
  if (hasDuplicate(vios.map(({ reg }) => reg))) fields.wrong("has two devices of one 'reg' in 'vios'");
  const machine = {
    qemu,
    machine: machineNameOf(fields),
    seed: fields.value('seed') === null ? null : fields.number('seed'),
    phbs,
    vios,
    ramMb: ramMbOf(fields),
  };
  return { version, machine, notes: fields.textsBeside(MACHINE_FIELDS) };
}

/** The first line, in version 2, without a newline. */
export function writtenMeta(machine: QemuMachine, notes: MetaLine['notes'] = {}): string {
  const { qemu, machine: name, seed, ramMb, phbs, vios } = machine;
  return JSON.stringify({
    ...notes,
    meta: 2,
    qemu,
    machine: name,
    seed,
    ramMb,
    phbs: phbs.map(writtenPhb),
    vios: vios.map(({ driver, reg }) => ({ driver, reg: `0x${reg.toString(16)}` })),
  });
}
