import type { QemuAnswer, RtasMade } from '@spapr-dma/trace';
import type { Guest } from './guest.js';
import { WORK_AREA } from './layout.js';
import { LiveError } from './live-error.js';

/** Statuses that say what comes next: there is more to fetch. @see [LoPAR] "ibm,configure-connector" */
const NEXT = { first: 1, last: 5 } as const;
/** A description has fewer pieces. */
const PIECES_MAX = 20_000;

/** One call of which QEMU makes many: a description comes piece by piece, and the last status counts. */
export const takesSteps = (call: RtasMade): boolean =>
  call.op === 'ibm,configure-connector' && call.args.length === 2 && call.nret === 1;

/**
 * Fetches the description of what a connector holds, as a guest does. The first argument is the connector's index,
 * which QEMU finds in a work area.
 * @throws GuestGone; LiveError where the description does not end
 */
export async function configureConnector(guest: Guest, { args }: RtasMade): Promise<QemuAnswer> {
  const [index = 0, extent = 0] = args;
  const area = Buffer.alloc(WORK_AREA.bytes);
  area.writeUInt32BE(index >>> 0);
  guest.ram.write(WORK_AREA.at, area);
  for (let piece = 0; piece < PIECES_MAX; piece += 1) {
    const { rc, rets } = await guest.rtas('ibm,configure-connector', [WORK_AREA.at, extent], 1);
    const [status = 0] = rets;
    if (status < NEXT.first || status > NEXT.last) return { kind: 'rtas', rc, rets };
  }
  throw new LiveError(`the description of connector 0x${index.toString(16)} does not end`);
}
