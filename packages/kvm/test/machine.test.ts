import { threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { transition } from 'xstate';
import { canonicalKvm, type KVM_VERSIONS, kvmMachine, LIOBN_LIFE, STIT_LIFE } from '../src/index.ts';
import { RCU_THREAD } from '../src/state.ts';
import { attachedRig, configOf, LIOBN, Rig } from './rig.ts';

const sentBy = (rig: Rig, event: unknown) =>
  transition(rig.machine, rig.snapshot, event as never)[1].map(
    ({ params }) => (params as unknown as { event: { type: string } }).event,
  );

test.each`
  case                          | event
  ${'a vCPU it does not have'}  | ${{ type: 'H_GET_TCE', thread: 'vcpu2' }}
  ${'a thread without a vCPU'}  | ${{ type: 'hcall-return', thread: 'main' }}
  ${'a view that is not there'} | ${{ type: 'view_load', liobn: 1, index: 0, thread: 'main' }}
  ${'a message of others'}      | ${{ type: 'power-on', thread: 'vcpu0' }}
`('a message that nobody ever takes stops the run: $case', ({ event }) => {
  const [answer] = sentBy(new Rig(), { from: 'environment', to: 'kvm', ...event });
  expect(answer).toEqual({
    type: 'unexpected',
    from: 'kvm',
    to: 'environment',
    received: event.type,
    state: 'kvm',
  });
});

test('a message whose time has not come waits', () => {
  const rig = attachedRig();
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  const waiting = [
    { type: 'H_GET_TCE', liobn: 0n, ioba: 0n, from: 'guest-kernel', thread: 'vcpu0' },
    { type: 'memory-access-return', from: 'vfio-host', thread: 'vcpu1' },
    { type: 'table-access-return', from: 'powernv-ioda2', thread: 'vcpu0' },
    { type: 'step', from: 'environment', thread: RCU_THREAD },
  ];
  for (const event of waiting) {
    expect(rig.can({ to: 'kvm', ...event } as never)).toBe(false);
    expect(sentBy(rig, { to: 'kvm', ...event })).toEqual([]);
  }
});

test('equal states have equal canonical forms, whatever path led there', () => {
  const one = attachedRig();
  const other = attachedRig();
  one.put(0x3000n, 0x20003n);
  one.put(0x4000n, 0x21003n);
  other.put(0x5000n, 0x22003n);
  other.put(0x4000n, 0x21003n);
  other.put(0x3000n, 0x20003n);
  expect(canonicalKvm(other.kvm)).not.toEqual(canonicalKvm(one.kvm));
  other.stuff(0x5000n, 1n);
  expect(canonicalKvm(other.kvm)).toEqual(canonicalKvm(one.kvm));
  expect(other.host.state()).toEqual(one.host.state());
  expect(JSON.parse(JSON.stringify(canonicalKvm(one.kvm)))).toEqual(canonicalKvm(one.kvm));
});

test('a vCPU that has an identity of its own is a region of its own', () => {
  const machine = kvmMachine({ vcpus: 3, ioctls: 2 });
  expect(Object.keys(machine.states)).toEqual(['vcpu0', 'vcpu1', 'vcpu2', 'ioctl', 'ioctl1', 'rcu']);
});

test('life cycles name no condition that does not exist', () => {
  for (const life of [LIOBN_LIFE, STIT_LIFE]) {
    for (const events of Object.values(life)) {
      for (const to of Object.values(events)) expect(Object.keys(life)).toContain(to);
    }
  }
});

test('each version is one step away from its neighbours', () => {
  const named = (version: keyof typeof KVM_VERSIONS) => ({
    ...configOf(version).switches,
    ...configOf(version).features,
  });
  const differences = (a: keyof typeof KVM_VERSIONS, b: keyof typeof KVM_VERSIONS) => {
    const [one, other] = [named(a) as Record<string, unknown>, named(b) as Record<string, unknown>];
    return Object.keys(one)
      .filter((name) => one[name] !== other[name])
      .sort();
  };
  expect(differences('linux-7.2', 'linux-6.12')).toEqual(['rangeCheck']);
  expect(differences('linux-6.12', 'linux-6.1')).toEqual(['attachHoldsFd', 'vfioDeviceFiles']);
  expect(differences('linux-4.20', 'linux-4.18')).toEqual([
    'indirect',
    'kvmErrors',
    'sizeMatch',
    'validate',
    'viewPages',
  ]);
  expect(differences('linux-4.12', 'linux-4.10')).toEqual(['rangeCheck', 'spaprTceVfio']);
});

test('a vCPU waiting for QEMU when QEMU goes is back in the guest', () => {
  const rig = new Rig();
  rig.enters({ type: 'hcall', opcode: 1n });
  rig.say({ type: 'exit', from: 'environment', to: 'kvm', thread: threadId('main') });
  expect(rig.snapshot.value).toMatchObject({ vcpu0: 'inGuest', ioctl: 'idle' });
});
