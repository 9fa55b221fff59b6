/**
 * The files of packages/qemu-spapr in three lists, each file in one of them. What calls to a QEMU under TCG reach is
 * looked for in the first one only.
 */

/** What guests, devices and the monitor reach without KVM and VFIO. */
export const ASKED_FILES: readonly string[] = [
  'add-vio',
  'alloc-table',
  'calls',
  'config',
  'ddw-common',
  'device-add',
  'device-added',
  'device-del',
  'device-dma',
  'dr-calls',
  'drc',
  'h-get-tce',
  'h-put-tce',
  'h-put-tce-indirect',
  'h-stuff-tce',
  'ibm-create-pe-dma-window',
  'ibm-query-pe-dma-window',
  'ibm-remove-pe-dma-window',
  'ibm-reset-pe-dma-window',
  'ibm-set-tce-bypass',
  'initial',
  'migrate',
  'phb-dma-reset',
  'post-load',
  'qemu-abort',
  'qemu.machine',
  'quiesce',
  'rcu',
  'sent',
  'state',
  'steps',
  'system-reset',
  'table-enable',
  'table-life',
  'task-run',
  'tce-index',
  'translate',
  'view',
  'vio-reset',
  'window-slots',
];

/** What runs beside KVM or VFIO only, or listens to windows as VFIO does. */
export const HOST_FILES: readonly string[] = [
  'add-memory',
  'container-connect',
  'container-disconnect',
  'container-unwind',
  'guest-memory',
  'host-switches',
  'iommu-notifiers',
  'listener-release',
  'listener-topology',
  'notify',
  'places',
  'prereg',
  'prereg-sections',
  'put-tce',
  'qemu-init',
  'replay',
  'replay-stretches',
  'set-need-vfio',
  'vfio-eeh',
  'vfio-errors',
  'vfio-functions',
  'vfio-group',
  'vfio-hooks',
  'vfio-kvm-device',
  'vfio-lazy-bind',
  'vfio-map-notify',
  'vfio-need',
  'vfio-places',
  'vfio-realize',
  'vfio-region-add',
  'vfio-region-del',
  'vfio-sections',
  'vfio-sent',
  'vfio-state',
  'window-levels',
];

/** Types only, lists only, calls that no file of calls holds, and what the checker and the web page ask. */
export const OTHER_FILES: readonly string[] = [
  'canonical',
  'frames',
  'frames-qemu',
  'frames-vfio',
  'index',
  'qemu-functions',
  'task',
  'threads',
  'vio-crq',
];

/** Why a place of the specification is not reached; the first pattern that its file, function or line fits says it. */
export const REASONS: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  {
    pattern: /switches|=== 'fixed'|sameGeometry|kvmFirst|overlaps|decide: return/,
    why: 'A switch that differs from QEMU 7.2 turns it on.',
  },
  {
    pattern: /features|ddwCalls|unknownRtas|stream\.version|version === 3/,
    why: 'It is of a QEMU of another version.',
  },
  {
    pattern:
      /kvm|vcpu|isLong|Long\b|nextEntry|: over:|frameOfCall|\bview|loading|closing|entriesAtOnce|flattened|wholeOf|joinedRun|tableBytes|isOfDma|dmaGoesOn|waits\(|: waits:|fd: -1|writeView|VioQuiesceOne|zeroed|freePhbs/i,
    why: 'It is for views that KVM has.',
  },
  {
    pattern:
      /vfio|notif|heard|replay|untold|syncVfio|callback|callRcu|isMapped|callOrGo|failed|HW_ERROR' : |showingWindow|undone|callFunction|: wait\(|return wait|PostLoad: const \[/i,
    why: 'It is for listeners to windows, as VFIO is.',
  },
  {
    pattern:
      /isAt\b|isAwaited|isOver|isFor|hasLeft|isLost|goOn|goes|waitOf|inKernel|starting|threadOf|steps\.ts: wait/,
    why: 'Nobody makes this QEMU wait while it holds its lock.',
  },
  {
    pattern:
      /pc-dimm|pc_dimm|'memory'|target\.(kind === 'vio'|liobn)|bypasses|unknownHcall|: (rtas|stop|cont|quit|exit):|'exit'|hot-plugged|VIO address|RangeError|endOf|mappedIn|migrationBlocker|'migrate'|default:/,
    why: 'No file of calls holds what leads there.',
  },
  {
    pattern:
      /(setUsable|setUnusable): if \(drc.kind|aborts|withDrc|system-reset\.ts: .*continue|'realized'|stranger|section/,
    why: 'What calls it, or what was before, never lets it come so far.',
  },
];
