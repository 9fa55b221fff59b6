import { type Bytes, bytes, type OpalCode, pageBytes } from '@spapr-dma/protocol';
import { BYPASS_BASE } from './config.js';
import { failureOf } from './fail-next.js';
import { FROM_POWERNV, type Running } from './sent.js';
import { DISABLED, type IommuTable, type Pe, type Tve, withPe } from './state.js';

/** A PE as it is now: the calls before may have changed it. */
export const peNow = ({ powernv }: Running, { phb, pe }: Pick<Pe, 'phb' | 'pe'>): Pe =>
  powernv.pes.find((each) => each.phb === phb && each.pe === pe)!;

/** What all calls into the firmware say of a PE. */
export const callOn = ({ thread }: Running, { phb, pe }: Pick<Pe, 'phb' | 'pe'>) => ({
  ...FROM_POWERNV,
  thread,
  phb,
  pe,
});

function programTve(running: Running, pe: Pe, num: 0 | 1, tve: Tve): void {
  const { tves } = peNow(running, pe);
  running.powernv = withPe(running.powernv, {
    ...peNow(running, pe),
    tves: num === 0 ? [tve, tves[1]] : [tves[0], tve],
  });
}

/** Bytes of the first level, all of the table where there is one level. */
export const topLevelBytesOf = ({ levels, size, levelSize }: IommuTable): Bytes =>
  bytes(8n * BigInt(levels > 1 ? levelSize : size));

/**
 * Programs a window of a PE with a table, or disables it.
 * @see [skiboot] include/opal-api.h: OPAL_PCI_MAP_PE_DMA_WINDOW
 */
export function opalPciMapPeDmaWindow(
  running: Running,
  pe: Pe,
  num: 0 | 1,
  table: IommuTable | null,
): OpalCode {
  const code = failureOf(running, 'opal_pci_map_pe_dma_window');
  running.sent.push({
    type: 'opal_pci_map_pe_dma_window',
    ...callOn(running, pe),
    code,
    tve: pe.pe * 2 + num,
    levels: table?.levels ?? 0,
    table: table?.table ?? null,
    topLevelBytes: table === null ? bytes(0n) : topLevelBytesOf(table),
    pageBytes: table === null ? bytes(0n) : pageBytes(table.pageShift),
  });
  if (code === 'OPAL_SUCCESS') {
    programTve(running, pe, num, table === null ? DISABLED : { mode: 'TCE', table: table.table });
  }
  return code;
}

/**
 * Programs the second window of a PE as the bypass window of that size, or disables it.
 * @see [skiboot] include/opal-api.h: OPAL_PCI_MAP_PE_DMA_WINDOW_REAL
 */
export function opalPciMapPeDmaWindowReal(running: Running, pe: Pe, size: Bytes): OpalCode {
  const code = failureOf(running, 'opal_pci_map_pe_dma_window_real');
  running.sent.push({
    type: 'opal_pci_map_pe_dma_window_real',
    ...callOn(running, pe),
    code,
    tve: pe.pe * 2 + 1,
    start: BYPASS_BASE,
    size,
  });
  if (code === 'OPAL_SUCCESS') programTve(running, pe, 1, size === 0n ? DISABLED : { mode: 'BYPASS', size });
  return code;
}
