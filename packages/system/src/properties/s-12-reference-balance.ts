import type { KvmState } from '@spapr-dma/kvm';
import { groupOf, type IommuTable, type PowernvState } from '@spapr-dma/powernv-ioda2';
import type { VfioHost } from '@spapr-dma/vfio-host';
import { kvmIn, powernvIn, vfioIn } from './host-state.js';
import { firstOf, whenQuiet } from './when-quiet.js';

/** Who holds how many references on a table: whoever made it, the slots of groups, and KVM. */
function holdersOf(
  powernv: PowernvState,
  vfio: VfioHost | undefined,
  kvm: KvmState | undefined,
  iommuTable: IommuTable,
) {
  const { table, map } = iommuTable;
  const slots = powernv.groups.reduce(
    (sum, { tables }) => sum + tables.filter((slot) => slot === table).length,
    0,
  );
  const windows = vfio?.containers.flatMap(({ iommu }) => iommu?.windows ?? []) ?? [];
  // The platform holds what it made for a PE as long as it is the PE's first table.
  const platform = powernv.groups.filter(
    ({ group, owner, tables }) =>
      map !== null && owner === 'platform' && tables[0] === table && groupOf(powernv, group) !== undefined,
  ).length;
  const creator = windows.filter((window) => window?.facts.table === table).length + platform;
  const stits =
    kvm?.tables.flatMap(({ iommuTables }) => iommuTables).filter(({ hw }) => hw.table === table).length ?? 0;
  return { slots, creator, stits };
}

function unbalanced(
  powernv: PowernvState,
  vfio: VfioHost | undefined,
  kvm: KvmState | undefined,
  iommuTable: IommuTable,
): string | null {
  const { table, mode, kref } = iommuTable;
  const { slots, creator, stits } = holdersOf(powernv, vfio, kvm, iommuTable);
  const held = slots + creator + stits;
  if (mode === 'freed' ? held === 0 : held === kref && kref > 0) return null;
  const holders = `${creator} by who made it, ${slots} by groups, ${stits} by KVM`;
  return mode === 'freed'
    ? `Hardware table ${table} is freed, and ${held} references on it are held (${holders}).`
    : `Hardware table ${table} counts ${kref} references, and ${held} are held (${holders})${held === 0 ? ': nobody will ever free it' : ''}.`;
}

export const referenceBalance = whenQuiet(
  'S-12',
  'Between calls, a hardware table counts exactly the references that are held, and is freed with the last one.',
  'KVM holds a hardware table',
  ['kvm', 'vfio-host', 'powernv-ioda2'],
  (state) => {
    const [powernv, kvm] = [powernvIn(state), kvmIn(state)];
    if (powernv === undefined) return { violation: null, reached: false };
    const vfio = vfioIn(state);
    return {
      violation: firstOf(powernv.tables, (table) => unbalanced(powernv, vfio, kvm, table)),
      reached: kvm?.tables.some(({ iommuTables }) => iommuTables.length > 0) ?? false,
    };
  },
  true,
);
