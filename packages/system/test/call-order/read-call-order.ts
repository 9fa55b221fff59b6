import { readFileSync } from 'node:fs';

/** A function of the host kernel that ran, with what the probe on it showed. */
export interface RecordedCall {
  readonly fn: string;
  /** As the probe printed them; empty for a function without a probe. */
  readonly args: Readonly<Record<string, string>>;
  /** How often it ran in a row. */
  readonly times: number;
  readonly line: number;
}

/** An operation of the recorded program: `GROUP_SET_CONTAINER group_fd=7 container_fd=6`. */
export interface RecordedOperation {
  readonly name: string;
  /** The values given by name. */
  readonly args: Readonly<Record<string, string>>;
  /** The words that are no `name=value`: a path, or what a device attribute is about. */
  readonly words: readonly string[];
}

/** What ran from one mark of the recording to the next. */
export interface Episode {
  /** `unset/2` of a step; else `NOTE holding`, `BEGIN rescan`. */
  readonly mark: string;
  readonly line: number;
  /** Null where the mark is no step. */
  readonly operation: RecordedOperation | null;
  readonly calls: readonly RecordedCall[];
  /** How the call ended; null where the recording does not say. */
  readonly ret: { readonly value: number; readonly errno: string } | null;
  /** What ran after the call had returned. */
  readonly late: readonly RecordedCall[];
}

export interface Section {
  readonly letter: string;
  readonly title: string;
  readonly episodes: readonly Episode[];
}

/** The function under each probe; null for a probe on one that the recording does not list. */
export const PROBES: Readonly<Record<string, string | null>> = {
  allocp: 'pnv_pci_ioda2_table_alloc_pages',
  blkd: 'spapr_tce_blocked_iommu_attach_dev',
  bypass: 'pnv_pci_ioda2_set_bypass',
  claim: 'iommu_group_claim_dma_owner',
  create: 'pnv_pci_ioda2_create_table_userspace',
  defcfg: 'pnv_pci_ioda2_setup_default_config',
  dmaalloc: null,
  itinit: 'iommu_init_table',
  link: 'pnv_pci_link_table_and_group',
  lock: '__account_locked_vm',
  mmget: 'mm_iommu_get',
  mmnew: 'mm_iommu_new',
  mmput: 'mm_iommu_put',
  opalreal: 'opal_pci_map_pe_dma_window_real',
  opalwin: 'opal_pci_map_pe_dma_window',
  plat: 'spapr_tce_platform_iommu_attach_dev',
  release: 'pnv_ioda2_release_ownership',
  relown: 'iommu_group_release_dma_owner',
  setwin: 'pnv_pci_ioda2_set_window',
  take: 'pnv_ioda2_take_ownership',
  tfree: 'pnv_pci_ioda2_table_free_pages',
  tget: 'iommu_tce_table_get',
  tput: 'iommu_tce_table_put',
  unlink: 'pnv_pci_unlink_table_and_group',
  unsetwin: 'pnv_pci_ioda2_unset_window',
  usedef: 'iommu_device_use_default_domain',
};

const SECTION = /^## ([A-Z])\. (.*)$/;
const MARK = /^\s*\/\* (STEP|RET|NOTE|BEGIN|END) ?(.*?)\s*\*\/$/;
const PROBE = /^\s*\/\* ([a-z]+): {2}(.*?) ?\*\/$/;
const CALL = /^\s*([\w.]+)(?: \[\w+\])?\(\)(?: \{|;)(?:\s+x(\d+))?$/;

/** The `name=value` words of a line. */
function valuesOf(text: string): Readonly<Record<string, string>> {
  const pairs = [...text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!] as const);
  return Object.fromEntries(pairs);
}

/** The operation behind the last `: ` of a step's text; what stands before it is prose. */
export function operationOf(text: string): RecordedOperation {
  const [name, ...words] = text
    .slice(text.lastIndexOf(': ') + 1)
    .trim()
    .split(/\s+/);
  return {
    name: name!,
    args: valuesOf(words.join(' ')),
    words: words.filter((word) => !word.includes('=')),
  };
}

interface Draft {
  mark: string;
  line: number;
  operation: RecordedOperation | null;
  calls: RecordedCall[];
  ret: Episode['ret'];
  late: RecordedCall[];
}

/**
 * Reads a recording of functions in the order of their calls; how they nest is not kept.
 * @throws Error that names the line where a line is none of those known, or a probe's function is missing
 */
export function parseCallOrder(text: string): readonly Section[] {
  const sections: { letter: string; title: string; episodes: Draft[] }[] = [];
  let probe: { readonly name: string; readonly args: Readonly<Record<string, string>> } | null = null;

  text.split('\n').forEach((content, index) => {
    const line = index + 1;
    const fail = (why: string): never => {
      throw new Error(`line ${line}: ${why}: ${content}`);
    };
    if (content === '' || content.startsWith('# ')) return;
    const title = SECTION.exec(content);
    if (title !== null) {
      sections.push({ letter: title[1]!, title: title[2]!, episodes: [] });
      return;
    }
    const section = sections.at(-1) ?? fail('stands before the first section');
    const add = (call: RecordedCall) => {
      if (section.episodes.length === 0) fail('stands before the first mark');
      const episode = section.episodes.at(-1)!;
      (episode.ret === null ? episode.calls : episode.late).push(call);
    };
    const mark = MARK.exec(content);
    const shown = PROBE.exec(content);
    const called = CALL.exec(content);
    if (probe !== null && called === null) fail(`${probe.name} is followed by no function`);
    if (mark !== null) {
      const [, kind, said] = mark as unknown as [string, string, string];
      const ret = /^(\S+) (?:close )?ret=(-?\d+)(?: errno=(\w+))?$/.exec(said);
      if (kind === 'RET') {
        const episode = section.episodes.at(-1);
        if (ret === null || episode?.mark !== ret[1]) fail('returns from another call');
        episode!.ret = { value: Number(ret![2]), errno: ret![3] ?? 'OK' };
        return;
      }
      const step = kind === 'STEP';
      section.episodes.push({
        mark: step ? said.split(' ', 1)[0]! : `${kind} ${said}`,
        line,
        operation: step ? operationOf(said) : null,
        calls: [],
        ret: null,
        late: [],
      });
      return;
    }
    if (shown !== null) {
      const name = shown[1]!;
      const args = valuesOf(shown[2]!);
      if (!(name in PROBES)) fail('unknown probe');
      if (PROBES[name] === null) add({ fn: name, args, times: 1, line });
      else probe = { name, args };
      return;
    }
    if (called === null) fail('unknown line');
    const fn = called![1]!;
    if (probe !== null && PROBES[probe.name] !== fn) fail(`${probe.name} is a probe on another function`);
    add({ fn, args: probe?.args ?? {}, times: Number(called![2] ?? 1), line });
    probe = null;
  });
  return sections;
}

/** The recording under `vectors`, read. */
export const readCallOrder = (): readonly Section[] =>
  parseCallOrder(readFileSync(new URL('../../../../vectors/powernv/call-order.md', import.meta.url), 'utf8'));
