import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** One line of a recording of the real machines. */
export interface TimelineLine {
  readonly line: number;
  /** Milliseconds from the start. */
  readonly at: number;
  /** `Q`: a trace event of QEMU. `K`: a probe in the host kernel. `*`: what the operator did. */
  readonly side: 'Q' | 'K' | '*';
  /** The probe or the event; `ioctl CREATE` of an ioctl; of the operator, what was done. */
  readonly name: string;
  readonly args: Readonly<Record<string, string>>;
  /** Calls that were folded into this line. */
  readonly times: number;
  /** What the call returned, where it was no success. */
  readonly ret: number | null;
}

/** QEMU's events that do not print `name=value`: how they look, with the names of what they print. */
const EVENTS: Readonly<Record<string, RegExp>> = {
  vfio_spapr_group_attach: /^Attached groupfd (?<groupfd>\d+) to liobn fd (?<tablefd>-?\d+)$/,
  vfio_listener_region_add_iommu: /^region_add \[iommu\] (?<start>\S+) - (?<end>\S+)$/,
  vfio_listener_region_del: /^region_del (?<start>\S+) - (?<end>\S+)$/,
  vfio_listener_region_del_skip: /^SKIPPING region_del (?<start>\S+) - (?<end>\S+)$/,
  vfio_iommu_map_notify: /^iommu (?<kind>MAP|UNMAP) @ (?<start>\S+) - (?<end>\S+)$/,
  vfio_get_device: /^Device (?<host>\S+) flags: \d+, regions: \d+, irqs: \d+$/,
  vfio_region_exit: /^Device (?<host>\S+), region (?<region>\d+)$/,
  vfio_region_finalize: /^Device (?<host>\S+), region (?<region>\d+)$/,
  vfio_put_base_device: /^close vdev->fd=(?<fd>\d+)$/,
  vfio_disconnect_container: /^close container->fd=(?<fd>\d+)$/,
  vfio_put_group: /^close group->fd=(?<fd>\d+)$/,
  vfio_pci_size_rom: /^(?<host>\S+) ROM size (?<size>\S+)$/,
  spapr_iommu_ddw_query:
    /^buid=(?<buid>\S+) addr=(?<addr>\S+), (?<windows>\d+) windows available, max window size=(?<max>\S+), mask=(?<mask>\S+)$/,
  spapr_iommu_ddw_create:
    /^buid=(?<buid>\S+) addr=(?<addr>\S+), page size=(?<page>\S+), requested=(?<requested>\S+), start addr=(?<start>\S+), liobn=(?<liobn>\S+)$/,
};

const LINE = /^ *(\d+\.\d) ([QK*]) +(.*)$/;
const HCALL =
  /^(H_\w+)(?: x(\d+))? (0x[0-9a-f]+) first=(\S+) last=(\S+) entries=(\d+)(?: until \S+ ms)?(?: NONZERO ret (-?\d+))?$/;
const RANGE_IOCTL =
  /^ioctl (MAP_DMA|UNMAP_DMA)(?: x(\d+))? first=iova (\S+) size (\S+) last=iova (\S+) size (\S+)(?: entries=\d+)?(?: until \S+ ms)?$/;
const PROBE = /^(ioctl \w+|\w+)((?: \w+=\S+)*) ?(?: -> (-\d+))?$/;

type Parsed = Pick<TimelineLine, 'name' | 'args' | 'times' | 'ret'>;

const valuesOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]));

function hostLine(text: string): Parsed | null {
  const hcall = HCALL.exec(text);
  if (hcall !== null) {
    const [, name, times, liobn, first, last, entries, ret] = hcall;
    const args = { liobn: liobn!, first: first!, last: last!, entries: entries! };
    return { name: name!, args, times: Number(times ?? 1), ret: ret === undefined ? null : Number(ret) };
  }
  const range = RANGE_IOCTL.exec(text);
  if (range !== null) {
    const [, name, times, first, size, last, lastSize] = range;
    const args = { first: first!, size: size!, last: last!, lastSize: lastSize! };
    return { name: `ioctl ${name}`, args, times: Number(times ?? 1), ret: null };
  }
  const probe = PROBE.exec(text);
  if (probe === null) return null;
  const ret = probe[3] === undefined ? null : Number(probe[3]);
  return { name: probe[1]!, args: valuesOf(probe[2]!), times: 1, ret };
}

function qemuLine(text: string): Parsed | null {
  const [name, ...words] = text.split(' ');
  const rest = words.join(' ');
  const event = EVENTS[name!];
  const args = event === undefined ? valuesOf(rest) : event.exec(rest)?.groups;
  return args === undefined ? null : { name: name!, args, times: 1, ret: null };
}

/**
 * Reads a timeline.
 * @throws Error that names the line where it has no known form
 */
export const parseTimeline = (text: string): readonly TimelineLine[] =>
  text
    .split('\n')
    .map((content, index) => ({ content, line: index + 1 }))
    .filter(({ content }) => content.trim() !== '')
    .map(({ content, line }) => {
      const [, at, side, said] = LINE.exec(content) ?? [];
      const parsed =
        side === 'K'
          ? hostLine(said!)
          : side === 'Q'
            ? qemuLine(said!.trimEnd())
            : side === '*'
              ? { name: said!.trimEnd(), args: {}, times: 1, ret: null }
              : null;
      if (parsed === null) throw new Error(`line ${line} has no known form: ${content}`);
      return { line, at: Number(at), side: side as TimelineLine['side'], ...parsed };
    });

/** A timeline under `traces/full-stack`, read. */
export const readTimeline = (name: string): readonly TimelineLine[] =>
  parseTimeline(
    gunzipSync(
      readFileSync(new URL(`../../../../traces/full-stack/${name}.timeline.txt.gz`, import.meta.url)),
    ).toString('utf8'),
  );

/** A part of a recording, from one line up to another. */
export interface Phase {
  readonly name: string;
  readonly lines: readonly TimelineLine[];
}

/**
 * Parts a recording at what the operator did: `start` is what came before the guest ran, then each command to
 * the monitor and each program run in the guest begins a part. What the operator only noticed parts nothing.
 */
export function phasesOf(lines: readonly TimelineLine[]): readonly Phase[] {
  const phases: { name: string; lines: TimelineLine[] }[] = [];
  for (const line of lines) {
    if (line.side !== '*') phases.at(-1)!.lines.push(line);
    else if (!/^(BEGIN|seen|END)/.test(line.name)) phases.push({ name: line.name, lines: [] });
    else if (phases.length === 0) phases.push({ name: 'before', lines: [] });
  }
  return phases.filter(({ lines: of }) => of.length > 0);
}
