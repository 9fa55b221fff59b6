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
const CALLS_PER_MACHINE = 4000;
/** Share of the calls that would end QEMU which are made. */
const ABORT_SHARE = 0.1;

export interface Generated {
  readonly specification: QemuSpecification;
  readonly before: QemuSpecification['state'];
  readonly call: QemuCall;
  readonly answer: QemuAnswer;
}

/** Calls of a generator, each answered by the specification; many machines one after the other. */
export function* generated(
  seed: number,
  count: number,
  options: Partial<GeneratorOptions> = {},
): Generator_<Generated> {
  const random = new Random(seed);
  const planner = new MachinePlanner(random, { qemu: '7.2.22', machines: MACHINES, ramMb: RAM_MB, seed });
  const monitor = new Set(['system_reset', 'migrate', 'device_add', 'device_del', 'rcu'] as const);
  const generator = new Generator(random, RAM_MB, {
    places: PLACES,
    monitor,
    shares: { monitor: 0.002 },
    ...options,
  });
  let specification = new QemuSpecification(planner.next());
  for (let made = 0; made < count; made++) {
    if (made % CALLS_PER_MACHINE === 0 || specification.isAborted) {
      specification = new QemuSpecification(planner.next());
    }
    let call = generator.next(specification);
    while (
      call.kind !== 'hcall' &&
      specification.predict(call).kind === 'abort' &&
      !random.chance(ABORT_SHARE)
    ) {
      call = generator.next(specification);
    }
    const before = specification.state;
    const answer = specification.step(call);
    generator.answered(answer);
    yield { specification, before, call, answer };
  }
  return generator;
}
type Generator_<T> = globalThis.Generator<T, Generator, void>;

/** A call as text that tells calls apart. */
export const written = (call: QemuCall): string =>
  JSON.stringify(call, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
