import type { Fault } from '../fault.ts';

/** Calls that nobody knows, what a version of QEMU has, and which messages are understood when. */
export const callFaults: readonly Fault[] = [
  {
    name: 'unknown-hypercall-status',
    file: 'calls.ts',
    what: 'A hypercall that nobody registered answers H_PARAMETER, not H_FUNCTION.',
    before: "sent: [hcallReturn(call, 'H_FUNCTION')],",
    after: "sent: [hcallReturn(call, 'H_PARAMETER')],",
  },
  {
    name: 'unknown-token-carried',
    file: 'calls.ts',
    what: 'The hypercall that carries an unknown RTAS token succeeds.',
    before: "sent: [rtasReturn(call, 'PARAM_ERROR', [], 'H_PARAMETER')],",
    after: "sent: [rtasReturn(call, 'PARAM_ERROR')],",
  },
  {
    name: 'ddw-calls-before-2.7',
    file: 'calls.ts',
    what: 'DDW calls that change windows work before QEMU 2.7, which had none.',
    before: 'if (message.type in DDW_CALLS && !qemu.config.features.ddwCalls)',
    after: "if (message.type in DDW_CALLS && qemu.config.machine === 'pseries-0.0')",
  },
  {
    name: 'source-runs-on',
    file: 'calls.ts',
    what: 'A machine that was migrated away is not stopped.',
    before: "onMain(migrate(qemu), 'paused')",
    after: 'onMain(migrate(qemu))',
  },
  {
    name: 'stop-does-not-stop',
    file: 'qemu.machine.ts',
    what: 'A machine that was stopped goes on to take calls of the guest.',
    before: "stop: { target: 'paused', actions: answer },",
    after: 'stop: { actions: answer },',
  },
  {
    name: 'abort-goes-on',
    file: 'task-run.ts',
    what: 'A failed assertion is told, and QEMU goes on.',
    before: "return over('aborted');",
    after: 'return over(resting);',
  },
  {
    name: 'ddw-from-2.6',
    file: 'config.ts',
    what: 'PHBs of pseries-2.6 have dynamic windows; they have them from pseries-2.7 on.',
    before: 'ddw: device.ddw ?? !isUpTo(machine, 2, 6),',
    after: 'ddw: device.ddw ?? !isUpTo(machine, 2, 5),',
  },
  {
    name: 'page-sizes-from-4.1',
    file: 'config.ts',
    what: 'PHBs of pseries-4.1 have 2M pages; they have them from pseries-4.2 on.',
    before: 'device.pgsz ?? (isUpTo(machine, 4, 1) ?',
    after: 'device.pgsz ?? (isUpTo(machine, 4, 0) ?',
  },
  {
    name: 'start-goes-on',
    file: 'initial.ts',
    what: 'A device of the command line that cannot be realized does not stop the start.',
    before: "if (returned?.type === 'monitor-return' && !returned.ok) throw new RangeError(returned.error);",
    after: "if (returned?.type !== 'monitor-return') throw new RangeError('nothing was answered');",
  },
  {
    name: 'device-add-always-works',
    file: 'device-added.ts',
    what: 'A device that was not added is told as added.',
    before: "ret(qemu, why, [monitorReturn('device_add', why)]);",
    after: "ret(qemu, why, [monitorReturn('device_add')]);",
  },
];
