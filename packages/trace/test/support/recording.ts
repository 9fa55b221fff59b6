import type { VfioReturn } from '@spapr-dma/protocol';
import type { AnyMessage } from '@spapr-dma/system';
import { loadEnvironment } from '../../src/powernv/environment-file.ts';
import type { Boot, HostKernel } from '../../src/powernv/host-kernel.ts';
import { PowernvReplay } from '../../src/powernv/powernv-replay.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A line of a recording, with what a test is about. */
export const row = (fields: Json): Json => ({
  run: 'main64',
  kernel: '6.12.95-64k',
  machine: 'powernv9',
  sc: 'simple',
  n: 0,
  step: 'a step',
  op: 'open',
  args: '',
  ret: 0,
  errno: 0,
  err: 'OK',
  vmlck_kb: 0,
  dlck_kb: 0,
  kmsg: [],
  ...fields,
});

export const text = (...rows: readonly Json[]): string =>
  rows.map((one) => `${JSON.stringify(one)}\n`).join('');

type Sent = AnyMessage & Json;

/** The answer to a system call on VFIO's files. */
export const vfioReturn = (message: AnyMessage, result: VfioReturn['result']): AnyMessage =>
  ({
    type: 'vfio-return',
    from: 'vfio-host',
    to: message.from,
    thread: message.thread,
    call: message.type,
    result,
  }) as never;

export const ok = (value = 0): VfioReturn['result'] => ({ ok: true, value, startAddr: null, info: null });

/** A host that notes what it is sent and answers as it is told; everything succeeds where it is told nothing. */
export class FakeHost implements HostKernel {
  readonly sent: Sent[] = [];
  locked = 0;
  #nextFd = 3;
  readonly #answer: (message: Sent) => readonly AnyMessage[] | null;

  constructor(answer: (message: Sent) => readonly AnyMessage[] | null = () => null) {
    this.#answer = answer;
  }

  send(message: AnyMessage): readonly AnyMessage[] {
    this.sent.push(message as Sent);
    return this.#answer(message as Sent) ?? this.#agreeable(message);
  }

  lockedKb(): number {
    return this.locked;
  }

  /** What was sent of one type, without the envelope. */
  of(type: string): Json[] {
    return this.sent
      .filter((message) => message.type === type)
      .map(({ type: _, from, to, thread, ...rest }) => rest);
  }

  #agreeable(message: AnyMessage): readonly AnyMessage[] {
    if (message.from === 'environment' || message.type === 'hcall-return') return [];
    const opens =
      ['open', 'VFIO_GROUP_GET_DEVICE_FD'].includes(message.type) || /^KVM_CREATE/.test(message.type);
    const result = ok(opens ? this.#nextFd++ : 0);
    if (message.to === 'vfio-host') return [vfioReturn(message, result)];
    return [{ ...vfioReturn(message, result), type: 'kvm-return', from: 'kvm' } as never];
  }
}

/** Where the process's buffer lies. */
export const BUFFER = 0x7f00_0000_0000n;
/** The lines that most scenarios begin with. */
export const opens: readonly Json[] = [
  row({ n: 0, args: '/dev/vfio/vfio', ret: 6 }),
  row({ n: 1, args: '/dev/vfio/1', ret: 7 }),
];

/** Replays rows on a host of which nothing is true but what it is told. */
export function replayed(rows: readonly Json[], host = new FakeHost(), environment = loadEnvironment()) {
  const boots: unknown[] = [];
  const boot: Boot = (platform, recorded) => {
    boots.push({ platform, name: recorded.name });
    return host;
  };
  const replay = new PowernvReplay(environment, boot);
  rows.forEach((one, i) => {
    replay.take(JSON.stringify(one), i + 1);
  });
  return { host, boots, report: replay.tally.report(replay.format, null) };
}
