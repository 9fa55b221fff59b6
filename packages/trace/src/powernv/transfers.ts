import {
  type HostDeviceDma,
  type HostDmaDone,
  type HostDmaPiece,
  type Hpa,
  type Ioba,
  type ThreadId,
  threadId,
} from '@spapr-dma/protocol';
import { type Played, returned, unmodelled } from './answer.js';
import type { Arguments, Place } from './arguments.js';
import { answerIn, type Caller } from './caller.js';
import { Contents } from './contents.js';
import type { ScenarioEnvironment } from './environment.js';
import type { RecordingRow } from './row.js';
import { mapRegisters } from './vfio-calls.js';

const DEVICE: ThreadId = threadId('device0');
/** The buffer that edu copies by. @see [QEMU] hw/misc/edu.c: DMA_SIZE */
const TRANSFER_MAX = 4096;
/** Mappings that are remembered. */
const MAPPINGS_MAX = 1024;
/** Stands at the source where nothing tells what does. */
const PATTERN = 0xff;

interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly place: Place;
}

const moved = (place: Place, by: bigint): Place =>
  place.kind === 'buffer'
    ? { kind: 'buffer', offset: place.offset + by }
    : { kind: 'absolute', address: place.address + by };

/** The byte that the recorder expected to see, which stands in the name of a word. */
function expectedByte({ out }: RecordingRow): string | null {
  return /(?:^| )match_expect_([0-9a-f]{2})=/.exec(out)?.[1] ?? null;
}

/**
 * What `edu`, a device of QEMU, copies: it reads from one bus address into a buffer of its own and writes that to
 * another. Before, the recorder fills the source and puts zeros where it will look; then it looks at one byte.
 */
export class Transfers {
  readonly #environment: ScenarioEnvironment;
  readonly #contents = new Contents();
  #mappings: readonly Mapping[] = [];
  #pattern = PATTERN;

  constructor(environment: ScenarioEnvironment) {
    this.#environment = environment;
  }

  /** Remembers what was mapped, to know where to look where nothing else says it. */
  mapped(iova: bigint, size: bigint, place: Place): void {
    this.#mappings = [{ iova, size, place }, ...this.#mappings].slice(0, MAPPINGS_MAX);
  }

  /** Plays one transfer. @throws InputError for arguments that are none */
  play(caller: Caller, args: Arguments, row: RecordingRow): Played {
    const open = caller.files.device();
    if (open === null) return unmodelled('no device is open that could make the transfer');
    const expected = expectedByte(row);
    if (expected === null) return unmodelled('the row does not say which byte was looked for');
    const count = args.number('n') ?? 0;
    if (count < 1 || count > TRANSFER_MAX) args.wrong(`has a transfer of ${count} bytes in its args`);
    const [from, to] = [args.bigint('srcbus', 0n), args.bigint('dstbus', 0n)];
    if (expected !== '00') this.#pattern = Number.parseInt(expected, 16);

    mapRegisters(caller, open);
    const { device } = open.file;
    const { host, memory, inputs } = caller;
    const hpaOf = (place: Place | null): Hpa | null => (place === null ? null : memory.hpaOf(place));
    const look = hpaOf(inputs.read ?? this.#environment.read ?? this.#lastMapped(to));
    this.#fill(from, count, hpaOf);
    if (inputs.clears && look !== null) this.#contents.fill(look, count, 0);

    const access = (address: bigint, kind: HostDeviceDma['access']): readonly HostDmaPiece[] => {
      const message: HostDeviceDma = {
        type: 'host-device-dma',
        from: 'environment',
        to: 'powernv-ioda2',
        thread: DEVICE,
        device,
        address: address as Ioba,
        bytes: count,
        access: kind,
      };
      return answerIn<'host-dma-done', HostDmaDone>(host.send(message), 'host-dma-done').pieces;
    };
    // An access that is refused reads as 0 and writes nothing. @see [QEMU] softmmu/memory.c: unassigned_mem_read
    const copied = access(from, 'read').flatMap(({ hpa, bytes }) =>
      hpa === null ? Array<number>(bytes).fill(0) : this.#contents.read(hpa, bytes),
    );
    const pieces = access(to, 'write');
    let done = 0;
    for (const { hpa, bytes } of pieces) {
      if (hpa !== null) this.#contents.write(hpa, copied.slice(done, done + bytes));
      done += bytes;
    }
    const seenAt = look ?? pieces[0]?.hpa ?? null;
    const [seen = 0] = seenAt === null ? [0] : this.#contents.read(seenAt, 1);
    const text = seen.toString(16).padStart(2, '0');
    return returned(0, { dst_now: text, [`match_expect_${expected}`]: text === expected ? '1' : '0' });
  }

  #fill(from: bigint, count: number, hpaOf: (place: Place | null) => Hpa | null): void {
    const { fill } = this.#environment;
    const source = hpaOf(this.#lastMapped(from));
    if (fill.length === 0 && source !== null) this.#contents.fill(source, count, this.#pattern);
    for (const { place, value } of fill) {
      const hpa = hpaOf(place);
      if (hpa !== null) this.#contents.fill(hpa, count, value);
    }
  }

  /** The memory that was mapped at a bus address last, whether or not it still is. */
  #lastMapped(address: bigint): Place | null {
    const mapping = this.#mappings.find(({ iova, size }) => iova <= address && address < iova + size);
    return mapping === undefined ? null : moved(mapping.place, address - mapping.iova);
  }
}
