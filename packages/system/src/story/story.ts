import type { Size } from '../sizes.js';
import type { Action } from './action.js';
import {
  count,
  type Field,
  flag,
  listOf,
  mapOf,
  objectOf,
  oneOf,
  optional,
  text,
  u64,
  type ValuesOf,
} from './fields.js';
import { ACCELERATOR, HOST } from './host-fields.js';

/** What `listStories` tells of a story. */
export interface StorySummary {
  readonly id: string;
  readonly title: string;
  /** What it shows, in a sentence or two. */
  readonly shows: string;
  /** Presets in which it makes sense; it runs as a test in each. The first is the one it runs in by default. */
  readonly presets: readonly string[];
  readonly size: Size;
}

/** A story that was read and found well-formed. */
export interface Story extends StorySummary {
  /** File it came from, for messages. */
  readonly file: string;
  /** Settings without which it makes no sense; what it says of its end counts only with them. */
  readonly needs: Condition;
  readonly set: Readonly<Record<string, string>>;
  readonly machine: MachineSetup;
  readonly script: readonly ScriptStep[];
  readonly holds: readonly Expectation[];
}

/** When a step of the script is taken. */
export type When =
  /** Nobody else can move. */
  | { readonly kind: 'quiescent' }
  /** As soon as the receiver takes it. */
  | { readonly kind: 'possible' }
  /** A message of that type has arrived so often, and the receiver takes it. */
  | { readonly kind: 'seen'; readonly type: string; readonly times: number };

export interface ScriptStep {
  readonly when: When;
  readonly action: Action;
  /** Only with settings of these values is it part of the story. */
  readonly only: Condition;
}

/** Settings and the values, any of which they must have. */
export type Condition = Readonly<Record<string, readonly string[]>>;

/** The modelled machine that the story happens in. */
export const MACHINE_FIELDS = {
  /** false: the environment plays the guest, call by call. */
  guest: optional(flag, true),
  vcpus: optional(count, 1),
  guestPageShift: optional(oneOf(12, 16), 12 as const),
  ram: optional(u64, null),
  /** End of the memory that can be hot-added; "none" without `maxmem`. */
  hotplugMax: optional(
    {
      read: (value, place) => (value === 'none' ? ('none' as const) : u64.read(value, place)),
      schema: { anyOf: [u64.schema, { const: 'none' }] },
    },
    null,
  ),
  phbs: optional(
    listOf(
      objectOf({
        index: count,
        ddw: optional(flag, null),
        pgsz: optional(u64, null),
        dmaWinAddr: optional(u64, null),
        dmaWinSize: optional(u64, null),
        dma64WinAddr: optional(u64, null),
      }),
    ),
    [],
  ),
  vios: optional(
    listOf(
      objectOf({
        driver: oneOf('spapr-vscsi', 'spapr-vlan', 'spapr-vty', 'spapr-nvram'),
        reg: u64,
        rtceWindowBytes: u64,
      }),
    ),
    [],
  ),
  /** Functions on the command line; `host` and `group` say which function of the host is passed through. */
  devices: optional(
    listOf(
      objectOf({
        id: text,
        phb: count,
        devfn: count,
        host: optional(text, null),
        group: optional(count, null),
      }),
    ),
    [],
  ),
  /** Whether the machine runs in KVM; `tcg` says that it does not. */
  kvm: optional(ACCELERATOR, false),
  host: optional(HOST, null),
  /** A second QEMU, which takes a migration. */
  destination: optional(flag, false),
} as const;
export type MachineSetup = ValuesOf<typeof MACHINE_FIELDS>;

/** A value, or several of which any will do, for each of some settings. */
export const CONDITION: Field<Condition> = optional(
  mapOf({
    read: (value, place) =>
      Array.isArray(value) ? value.map((each) => text.read(each, place)) : [text.read(value, place)],
    schema: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  }),
  {} as Condition,
);

/** What a story says of its end; each block counts where its condition holds. */
export const EXPECTATION_FIELDS = {
  when: CONDITION,
  /** All windows of the PHBs and VIO devices at the end. */
  windows: optional(
    listOf(
      objectOf({
        participant: optional(text, null),
        liobn: u64,
        start: u64,
        pageShift: count,
        entries: count,
        mapped: count,
      }),
    ),
    null,
  ),
  /** Reports in this order; others may stand between them. */
  reports: optional(listOf(text), []),
  /** Messages that must have arrived: at least once, or exactly so often; there, and with this in their text. */
  met: optional(
    listOf(
      objectOf({
        type: text,
        /** A call that KVM hands on arrives twice: there, and at QEMU. */
        to: optional(text, null),
        text: optional(text, null),
        times: optional(count, null),
      }),
    ),
    [],
  ),
  /** What the host is left with; what is not said does not count. */
  host: optional(
    objectOf({
      lockedKb: optional(count, null),
      leakedRegions: optional(count, null),
      orphanTables: optional(count, null),
      groups: optional(
        listOf(
          objectOf({
            group: count,
            owner: oneOf('platform', 'vfio'),
            bypass: optional(flag, null),
            base: optional(oneOf('own', 'none', 'stale', 'mixed'), null),
            windows: optional(
              listOf(
                objectOf({
                  num: oneOf(0, 1),
                  start: u64,
                  pageShift: count,
                  levels: optional(count, null),
                  entries: count,
                  mapped: count,
                  references: optional(count, null),
                }),
              ),
              null,
            ),
          }),
        ),
        [],
      ),
    }),
    null,
  ),
  /** Properties that are violated; all others hold. */
  violated: optional(listOf(text), []),
  /** QEMU is gone at the end. */
  aborts: optional(flag, false),
} as const;
export type Expectation = ValuesOf<typeof EXPECTATION_FIELDS>;

/** Whether settings have the values that a condition asks for. */
export const isMet = (condition: Condition, settings: Readonly<Record<string, string>>): boolean =>
  Object.entries(condition).every(([name, values]) => values.includes(settings[name]!));
