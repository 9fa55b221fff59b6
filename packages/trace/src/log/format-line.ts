import { PCI_LIOBN_BIT, type TraceEvent } from '@spapr-dma/protocol';
import { EVENT_FORMATS } from './event-formats.js';

const TEMPLATES: ReadonlyMap<string, string> = new Map(
  EVENT_FORMATS.map(({ event, template }) => [event, template]),
);

const CALLS: ReadonlySet<string> = new Set([
  'spapr_iommu_put',
  'spapr_iommu_get',
  'spapr_iommu_stuff',
  'spapr_iommu_indirect',
]);

/** The event's name as QEMU logs it: calls on PCI tables have names of their own. */
function loggedName(line: TraceEvent): string {
  const isPciCall = CALLS.has(line.event) && 'liobn' in line && (line.liobn & BigInt(PCI_LIOBN_BIT)) !== 0n;
  return isPciCall ? line.event.replace('spapr_iommu_', 'spapr_iommu_pci_') : line.event;
}

const ANY_POINTER = '0x1';

const inHex = (value: unknown): string => (value as bigint | number).toString(16);

/**
 * The line that QEMU would write for an event, without the prefix that tells thread and time.
 *
 * Abstraction: no machine knows a table's host pointer; it is written as 0x1 where there is a table.
 */
export function formatLine(line: TraceEvent): string {
  const name = loggedName(line);
  const template = TEMPLATES.get(name) ?? '';
  const values = line as unknown as Readonly<Record<string, unknown>>;
  const order = Object.keys(line).filter((field) => field !== 'event');
  let at = 0;
  const text = template.replace(/0x\?|%[xwdups]/g, (conversion) => {
    if (conversion === '0x?') return line.event === 'spapr_iommu_xlate' ? '0x' : '';
    const value = values[order[at++] as string];
    if (conversion === '%p') return value === '(nil)' ? '(nil)' : ANY_POINTER;
    return conversion === '%x' || conversion === '%w' ? inHex(value) : String(value);
  });
  return `${name} ${fixed(line, text)}`;
}

/** Two lines of migration write some hex numbers with 0x and others without. */
function fixed({ event }: TraceEvent, text: string): string {
  if (event === 'spapr_iommu_pre_save') return text.replace('bus_offset=', 'bus_offset=0x');
  if (event === 'spapr_iommu_post_load')
    return text.replace('=> ', '=> 0x').replace('bus_offset=', 'bus_offset=0x');
  return text;
}
