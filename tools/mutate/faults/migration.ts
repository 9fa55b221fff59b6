import type { Fault } from '../fault.ts';

/** What a stream holds of the machine, and how it is loaded. */
export const migrationFaults: readonly Fault[] = [
  {
    name: 'migrate-default-window-dropped',
    file: 'migrate.ts',
    what: 'The stream does not tell which window is the default one.',
    before: 'bypass, defWin, runs };',
    after: 'bypass, defWin: defWin && runs.length < 0, runs };',
  },
  {
    name: 'migrate-order',
    file: 'migrate.ts',
    what: "The VIO devices' tables come first in the stream, the PHBs' last.",
    before:
      "    ...made.flatMap(({ properties }) => tablesOfPhb(qemu, properties.index)),\n    ...tables.filter(({ owner }) => owner.kind === 'vio'),",
    after:
      "    ...tables.filter(({ owner }) => owner.kind === 'vio'),\n    ...made.flatMap(({ properties }) => tablesOfPhb(qemu, properties.index)),",
  },
  {
    name: 'migrate-empty-slot-shift',
    file: 'migrate.ts',
    what: 'A slot without a window is sent with a page shift of 12, not 0.',
    before: "pageShift: table.mode === 'disabled' ? 0 : table.pageShift,",
    after: "pageShift: table.mode === 'disabled' ? 12 : table.pageShift,",
  },
  {
    name: 'migrate-with-vfio',
    file: 'migrate.ts',
    what: 'A passed-through device does not keep the machine from being migrated.',
    before: "driver === 'vfio-pci');",
    after: "driver === 'pci');",
  },
  {
    name: 'load-bypass-dropped',
    file: 'post-load.ts',
    what: 'A loaded VIO table translates though the stream says that it does not.',
    before: '{ ...table, bypass: loaded.bypass, defWin }',
    after: '{ ...table, defWin }',
  },
  {
    name: 'load-old-stream-default-window',
    file: 'post-load.ts',
    what: 'A stream of version 2, which does not tell, decides which window is the default one.',
    before: 'version === 3 ? loaded.defWin : table.defWin;',
    after: 'version >= 2 ? loaded.defWin : table.defWin;',
  },
  {
    name: 'load-enables-for-geometry',
    file: 'post-load.ts',
    what: 'A loaded window of the same size at another place is enabled anew, which QEMU does not do (B-29).',
    before: "switches.postLoadGeomCheck === 'fixed' && table.mode",
    after: "switches.postLoadGeomCheck !== 'fixed' && table.mode",
  },
  {
    name: 'load-page-shift',
    file: 'post-load.ts',
    what: 'A window that a stream makes has 4K pages.',
    before: 'const { pageShift, busOffset, nbTable } = loaded;',
    after: 'const { pageShift, busOffset, nbTable } = { ...loaded, pageShift: 12 };',
  },
  {
    name: 'load-numbers-not-taken-over',
    file: 'post-load.ts',
    what: 'A loaded window of the same size keeps the place and page size that it had.',
    before: 'withTable(qemu, { ...table, pageShift, busOffset, skippingReplay: false }),',
    after:
      'withTable(qemu, { ...table, ...(pageShift + Number(busOffset) < 0 ? { pageShift } : {}), skippingReplay: false }),',
  },
  {
    name: 'load-old-entries-stay',
    file: 'post-load.ts',
    what: 'Entries that are 0 in a stream do not overwrite those of the window.',
    before: 'if (end < nbTable) whole.push([end, nbTable - end, 0n]);',
    after: 'if (end < 0) whole.push([end, nbTable - end, 0n]);',
  },
  {
    name: 'load-tells-of-entries',
    file: 'post-load.ts',
    what: 'Who listens is told of the entries that a stream brought, which QEMU does not do (B-29).',
    before: "if (switches.postLoadNotify === 'unfixed')",
    after: "if (switches.postLoadNotify === 'fixed')",
  },
  {
    name: 'migrate-phbs-by-index',
    file: 'migrate.ts',
    what: 'PHBs stand in the stream in the order of their index, not of their making.',
    before: 'const made = [...phbsMade(qemu),',
    after: 'const made = [...[...phbsMade(qemu)].sort((a, b) => a.properties.index - b.properties.index),',
  },
  {
    name: 'migrate-without-connectors',
    file: 'migrate.ts',
    what: 'The stream does not tell of connectors that are not just ready.',
    before: 'drcs: drcsOf(qemu).filter(isMigrated)',
    after: 'drcs: drcsOf(qemu).filter((drc) => isMigrated(drc) && drc.index < 0)',
  },
  {
    name: 'load-any-section',
    file: 'post-load.ts',
    what: 'A stream is loaded whose PHBs have other numbers than those here.',
    before: 'phb.section !== section || phb.properties.index !== index',
    after: 'phb.properties.index !== index || section < 0',
  },
];
