import type { QemuState } from '@spapr-dma/qemu-spapr';
import { type QemuAnswer, type QemuCall, QemuSpecification } from '@spapr-dma/trace';
import { Generator, type GeneratorOptions, type GuestPlaces, MachinePlanner, Random } from '../src/index.ts';

export const RAM_MB = 256;
export const PLACES: GuestPlaces = {
  lists: { start: 0x100_0000n, bytes: 0x100_0000n },
  reserved: [{ start: 0n, bytes: 0x100_0000n }],
};
export const MACHINES = ['2.5', '2.6', '2.7', '3.1', '4.0', '4.1', '4.2', '7.2'].map(
  (version) => `pseries-${version}` as const,
) as `pseries-${number}.${number}`[];
/** Few, so that many machines are met. */
const CALLS_PER_MACHINE = 1500;
/** Share of the calls that would end QEMU which are made, besides the first one of each operation. */
const ABORT_SHARE = 0.1;

export interface Step {
  readonly call: QemuCall;
  readonly answer: QemuAnswer;
  readonly before: QemuState;
  readonly after: QemuState;
  readonly generator: Generator;
}

/** Calls of a generator, each answered by the specification; many machines one after the other. */
export function* generated(seed: number, count: number, options: Partial<GeneratorOptions> = {}) {
  const random = new Random(seed);
  const planner = new MachinePlanner(random, { qemu: '7.2.22', machines: MACHINES, ramMb: RAM_MB, seed });
  const generator = new Generator(random, RAM_MB, {
    places: PLACES,
    monitor: new Set(['system_reset', 'migrate', 'device_add', 'device_del', 'rcu']),
    shares: { monitor: 0.002 },
    ...options,
  });
  const aborted = new Set<string>();
  let specification = new QemuSpecification(planner.next());
  for (let made = 0; made < count; made++) {
    if (made % CALLS_PER_MACHINE === 0 || specification.isAborted) {
      specification = new QemuSpecification(planner.next());
    }
    let call = generator.next(specification);
    while (call.kind !== 'hcall') {
      const answer = specification.predict(call);
      if (answer.kind !== 'abort' || !aborted.has(call.op) || random.chance(ABORT_SHARE)) break;
      generator.answered(answer);
      call = generator.next(specification);
    }
    const before = specification.state;
    const answer = specification.step(call);
    generator.answered(answer);
    if (answer.kind === 'abort') aborted.add(call.op);
    yield { call, answer, before, after: specification.state, generator } satisfies Step;
  }
}

/** A call as text that tells calls apart. */
export const written = (call: QemuCall): string =>
  JSON.stringify(call, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
