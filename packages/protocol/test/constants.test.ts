import { describe, expect, test } from 'vitest';
import * as protocol from '../src/index.ts';

const {
  ALLOCATION_STATES,
  HCALL_OPCODES,
  INDICATORS,
  ISOLATION_STATES,
  KVM_CAPS,
  KVM_DEV_VFIO_GROUP_ATTRS,
  QUERY_PAGE_SIZES,
  RTAS_TOKENS,
  VFIO_EXTENSIONS,
  VFIO_IOCTLS,
} = protocol;
const constants: Readonly<Record<string, unknown>> = { ...protocol };

test.each`
  table                       | numbers
  ${HCALL_OPCODES}            | ${{ H_GET_TCE: 0x1c, H_PUT_TCE: 0x20, H_STUFF_TCE: 0x138, H_PUT_TCE_INDIRECT: 0x13c, H_REG_CRQ: 0xfc, H_FREE_CRQ: 0x100, KVMPPC_H_RTAS: 0xf000 }}
  ${RTAS_TOKENS}              | ${{ 'ibm,query-pe-dma-window': 0x2026, 'ibm,create-pe-dma-window': 0x2027, 'ibm,remove-pe-dma-window': 0x2028, 'ibm,reset-pe-dma-window': 0x2029 }}
  ${KVM_CAPS}                 | ${{ KVM_CAP_SPAPR_TCE: 63, KVM_CAP_PPC_SMT: 64, KVM_CAP_SPAPR_MULTITCE: 94, KVM_CAP_PPC_ENABLE_HCALL: 104, KVM_CAP_SPAPR_TCE_64: 125, KVM_CAP_PPC_HTM: 132, KVM_CAP_SPAPR_RESIZE_HPT: 133, KVM_CAP_PPC_MMU_RADIX: 134, KVM_CAP_PPC_MMU_HASH_V3: 135, KVM_CAP_SPAPR_TCE_VFIO: 142, KVM_CAP_PPC_NESTED_HV: 160 }}
  ${KVM_DEV_VFIO_GROUP_ATTRS} | ${{ ADD: 1, DEL: 2, SET_SPAPR_TCE: 3 }}
  ${VFIO_EXTENSIONS}          | ${{ SPAPR_TCE_IOMMU: 2, EEH: 5, SPAPR_TCE_v2_IOMMU: 7 }}
  ${INDICATORS}               | ${{ ISOLATION_STATE: 9001, DR: 9002, ALLOCATION_STATE: 9003 }}
  ${ISOLATION_STATES}         | ${{ ISOLATED: 0, UNISOLATED: 1 }}
  ${ALLOCATION_STATES}        | ${{ UNUSABLE: 0, USABLE: 1, EXCHANGE: 2, RECOVER: 3 }}
`('the numbers $numbers are those of the interface', ({ table, numbers }) => {
  expect(table).toEqual(numbers);
});

test('the SPAPR ioctls of VFIO are numbered from 12 to 21', () => {
  expect(Object.entries(VFIO_IOCTLS)).toEqual([
    ['VFIO_IOMMU_SPAPR_TCE_GET_INFO', 12],
    ['VFIO_IOMMU_MAP_DMA', 13],
    ['VFIO_IOMMU_UNMAP_DMA', 14],
    ['VFIO_IOMMU_ENABLE', 15],
    ['VFIO_IOMMU_DISABLE', 16],
    ['VFIO_IOMMU_SPAPR_REGISTER_MEMORY', 17],
    ['VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', 18],
    ['VFIO_IOMMU_SPAPR_TCE_CREATE', 19],
    ['VFIO_IOMMU_SPAPR_TCE_REMOVE', 20],
    ['VFIO_EEH_PE_OP', 21],
  ]);
});

test.each`
  name                           | value
  ${'TCE_READ'}                  | ${1n}
  ${'TCE_WRITE'}                 | ${2n}
  ${'TCE_PERMISSIONS'}           | ${3n}
  ${'INDIRECT_TCES_MAX'}         | ${512}
  ${'INDIRECT_LIST_BYTES'}       | ${4096n}
  ${'PHB_WINDOWS_MAX'}           | ${2}
  ${'GROUP_TABLES_MAX'}          | ${2}
  ${'DEFAULT_WINDOW_START'}      | ${0n}
  ${'DEFAULT_WINDOW_BYTES'}      | ${0x4000_0000n}
  ${'DEFAULT_WINDOW_PAGE_SHIFT'} | ${12}
  ${'DYNAMIC_WINDOW_START'}      | ${0x800_0000_0000_0000n}
  ${'PAGE_SIZE_MASK_DEFAULT'}    | ${(1n << 12n) | (1n << 16n) | (1n << 21n) | (1n << 24n)}
  ${'PAGE_SIZE_MASK_UP_TO_4_1'}  | ${(1n << 12n) | (1n << 16n)}
  ${'LARGEST_WINDOW_5_OUTPUTS'}  | ${0x8000_0000}
  ${'LARGEST_WINDOW_6_OUTPUTS'}  | ${0x20_0000_0000}
  ${'PHB_BUID_BASE'}             | ${0x800_0000_2000_0000n}
  ${'PCI_LIOBN_BIT'}             | ${0x8000_0000}
  ${'MSI_WINDOW_START'}          | ${4n << 40n}
  ${'KVM_TABLE_PAGE_SHIFT_MIN'}  | ${12}
  ${'KVM_TABLE_PAGE_SHIFT_MAX'}  | ${34}
  ${'IODA2_LEVELS_DEFAULT'}      | ${2}
  ${'IODA2_LEVELS_MAX'}          | ${5}
  ${'SPAPR_PCI_BASE'}            | ${32n << 40n}
  ${'SPAPR_PCI_LIMIT'}           | ${64n << 40n}
  ${'DR_ENTITY_SENSE'}           | ${9003}
`('$name is $value', ({ name, value }) => {
  expect(constants[name]).toBe(value);
});

describe('the page sizes of the query', () => {
  test.each`
    pages     | shift | bit
    ${'4K'}   | ${12} | ${0x1}
    ${'64K'}  | ${16} | ${0x2}
    ${'16M'}  | ${24} | ${0x4}
    ${'32M'}  | ${25} | ${0x8}
    ${'64M'}  | ${26} | ${0x10}
    ${'128M'} | ${27} | ${0x20}
    ${'256M'} | ${28} | ${0x40}
    ${'16G'}  | ${34} | ${0x80}
    ${'2M'}   | ${21} | ${0x100}
  `('pages of $pages have bit $bit', ({ shift, bit }) => {
    expect(QUERY_PAGE_SIZES.filter((size) => size.shift === shift)).toEqual([{ shift, bit }]);
    expect(QUERY_PAGE_SIZES).toHaveLength(9);
  });
});
