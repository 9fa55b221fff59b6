import type { PhbDevice } from '@spapr-dma/protocol';
import type { Fields } from './fields.js';

/** The properties of a PHB: as the file names them, and as the machine does. */
const PROPERTIES = [
  ['pgsz', 'pgsz'],
  ['winAddr', 'dmaWinAddr'],
  ['winSize', 'dmaWinSize'],
  ['dma64', 'dma64WinAddr'],
] as const;

/**
 * A PHB; what is left out has QEMU's default.
 * @throws InputError naming the field that is wrong
 */
export function phbOf(phb: Fields, indexMax: number): PhbDevice {
  if (!phb.has('index')) phb.wrong(`has a PHB without an index from 0 to ${indexMax}`);
  const ddw = phb.value('ddw');
  const given = PROPERTIES.filter(([name]) => phb.has(name));
  return {
    driver: 'spapr-pci-host-bridge',
    index: phb.numberIn('index', 0, indexMax),
    ...Object.fromEntries(given.map(([name, property]) => [property, phb.hex(name, phb.value(name), 64)])),
    ...(typeof ddw === 'boolean' && { ddw }),
  };
}

/** The same as the file has it. */
export function writtenPhb(phb: PhbDevice): Readonly<Record<string, unknown>> {
  const given = PROPERTIES.filter(([, property]) => phb[property] !== undefined);
  return {
    index: phb.index,
    ...Object.fromEntries(given.map(([name, property]) => [name, `0x${phb[property]?.toString(16)}`])),
    ...(phb.ddw !== undefined && { ddw: phb.ddw }),
  };
}
