import { type BuiltModel, modelOf, readModels } from '../src/index.ts';

type Fields = Readonly<Record<string, unknown>>;

const NVME = { id: 'nvme', phb: 0, devfn: 8, host: '0001:01:00.0', group: 0 };
const NIC = { id: 'nic', phb: 0, devfn: 16, host: '0002:01:00.0', group: 1 };
export const HOST = {
  pageShift: 12,
  phbs: [
    { phb: 1, devices: [{ device: NVME.host }] },
    { phb: 2, devices: [{ device: NIC.host }] },
  ],
};
const LIOBN = '0x80000000';

/** Calls of a vCPU on the first two entries. */
const callsOf = (vcpu: number): readonly Fields[] => {
  const at = (entry: number): string => `0x${(entry << 12).toString(16)}`;
  return [
    { do: 'H_PUT_TCE', vcpu, liobn: LIOBN, ioba: at(0), tce: '0x50003' },
    { do: 'H_PUT_TCE', vcpu, liobn: LIOBN, ioba: at(1), tce: '0x0' },
    { do: 'H_PUT_TCE_INDIRECT', vcpu, liobn: LIOBN, ioba: at(0), tces: ['0x52003', '0x53003'] },
    { do: 'H_STUFF_TCE', vcpu, liobn: LIOBN, ioba: at(0), tceValue: '0x0', npages: '0x2' },
    { do: 'H_GET_TCE', vcpu, liobn: LIOBN, ioba: at(0) },
  ];
};

/** Somebody who may take any of his steps at any time, as often as he likes. */
const whenever = (name: string, steps: readonly Fields[]): Fields => ({
  name,
  steps,
  order: 'any',
  repeats: true,
});

/** A model of one scenario. */
export const modelFrom = (scenario: Fields, model: Fields = {}): BuiltModel => {
  const text = JSON.stringify({
    format: 'spapr-dma-models/1',
    scenarios: { it: { title: 'It.', ...scenario } },
    models: [
      { name: 'it', scenario: 'it', preset: 'newest', properties: ['S-1'], verdict: 'holds', ...model },
    ],
  });
  return modelOf(readModels(text, 'test.json').models[0]!);
};

/** A machine in KVM with two functions that may be passed through, and all that may happen to it. */
export const fullMachine = (preset: string, properties: readonly string[]): BuiltModel =>
  modelFrom(
    {
      machine: {
        guest: false,
        vcpus: 2,
        kvm: true,
        host: HOST,
        phbs: [{ index: 0, dmaWinSize: '0x10000' }],
      },
      setup: [{ do: 'system_reset' }],
      processes: [
        whenever('vcpu0', [
          ...callsOf(0),
          { do: 'ibm,create-pe-dma-window', vcpu: 0, phb: 0, pageShift: 12, windowShift: 14 },
          { do: 'ibm,remove-pe-dma-window', vcpu: 0, liobn: '0x80000001' },
          { do: 'set-indicator', vcpu: 0, device: NVME.id, isolation: 'ISOLATED' },
        ]),
        // On the same entries: two that write one at a time spoil it, which properties are to see.
        whenever('vcpu1', callsOf(1)),
        whenever('monitor', [
          { do: 'device_add-vfio', ...NVME },
          { do: 'device_add-vfio', ...NIC },
          { do: 'device_del-pci', id: NVME.id },
          { do: 'system_reset' },
        ]),
        whenever('host', [
          { do: 'host-device-dma', device: NVME.host, address: '0x1000', bytes: 64, access: 'write' },
          { do: 'host-bind-driver', device: NVME.host, dmaMask: '0xffffffff' },
          { do: 'host-dma_map', device: NVME.host, hpa: '0x2000000000', bytes: '0x1000' },
          { do: 'fail-next', call: 'create_table' },
          { do: 'set-memlock', kb: 64 },
        ]),
        { name: 'killer', steps: [{ do: 'quit', when: { seen: 'monitor-return', times: 6 } }] },
      ],
    },
    { preset, properties },
  );

/** A Linux guest with a function passed through to it. */
export const linuxGuest = (preset: string, properties: readonly string[]): BuiltModel =>
  modelFrom(
    {
      machine: { guest: true, vcpus: 1, kvm: true, host: HOST, devices: [NVME] },
      setup: [{ do: 'system_reset' }],
      processes: [
        whenever('guest', [
          { do: 'power-on' },
          { do: 'probe', device: NVME.id, dmaMask: '0xffffffff' },
          { do: 'dma_map', device: NVME.id, gpa: '0x50000', bytes: '0x1000', as: 'buffer' },
          { do: 'dma_unmap', of: 'buffer' },
          { do: 'kexec' },
        ]),
        whenever('monitor', [{ do: 'stop' }, { do: 'cont' }, { do: 'device_del-pci', id: NVME.id }]),
        whenever('device', [{ do: 'host-device-dma-mapped', of: 'buffer', bytes: 64, access: 'write' }]),
      ],
    },
    { preset, properties },
  );
