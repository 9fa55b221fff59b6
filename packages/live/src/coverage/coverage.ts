import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { QemuAnswer, QemuCall } from '@spapr-dma/trace';
import { countDma, DMA_SITUATIONS, type DmaSituation } from './dma-situations.js';
import { countHcall, HCALL_SITUATIONS, type HcallSituation } from './hcall-situations.js';
import { countMonitor, MONITOR_SITUATIONS, type MonitorSituation } from './monitor-situations.js';
import { countRtas, RTAS_SITUATIONS, type RtasSituation } from './rtas-situations.js';
import { type DocumentedStatus, STATUSES, statusesOf } from './statuses.js';
import { Tally } from './tally.js';

/** How often each operation was answered with each status. */
export type StatusCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Counts what calls were answered, and what situations they were made in. */
export class Coverage {
  readonly #statuses = new Map<string, Map<string, number>>();
  readonly #hcalls = new Tally<HcallSituation>(HCALL_SITUATIONS);
  readonly #rtas = new Tally<RtasSituation>(RTAS_SITUATIONS);
  readonly #dma = new Tally<DmaSituation>(DMA_SITUATIONS);
  readonly #monitor = new Tally<MonitorSituation>(MONITOR_SITUATIONS);

  /**
   * A call was answered.
   * @param before what the specification knew when it was made; null where nobody knows: no situation is counted
   * @param after what the specification knew then
   */
  saw(
    call: QemuCall,
    answer: QemuAnswer,
    before: QemuState | null = null,
    after: QemuState | null = before,
  ): void {
    this.#count(call.op, answer);
    if (before === null || after === null) return;
    switch (call.kind) {
      case 'hcall':
        countHcall(this.#hcalls, call, before);
        return;
      case 'rtas':
        countRtas(this.#rtas, call, before, answer, after);
        return;
      case 'dma':
        countDma(this.#dma, call, before, answer);
        return;
      case 'monitor':
        countMonitor(this.#monitor, call, before, answer, after);
        return;
    }
  }

  /** How often each operation was answered with each status. */
  statuses(): StatusCounts {
    return Object.fromEntries([...this.#statuses].map(([op, counts]) => [op, Object.fromEntries(counts)]));
  }

  /** How often each situation came up; 0 for those that never did. */
  situations(): Readonly<Record<string, number>> {
    return {
      ...this.#hcalls.counts(),
      ...this.#rtas.counts(),
      ...this.#dma.counts(),
      ...this.#monitor.counts(),
    };
  }

  /** Documented statuses that no call was answered with; `why` where none can be. */
  unreached(): readonly DocumentedStatus[] {
    return unreachedIn(this.statuses());
  }

  #count(op: string, answer: QemuAnswer): void {
    let counts = this.#statuses.get(op);
    if (counts === undefined) {
      counts = new Map();
      this.#statuses.set(op, counts);
    }
    for (const status of statusesOf(answer)) counts.set(status, (counts.get(status) ?? 0) + 1);
  }
}

/** Documented statuses that were never answered. */
export const unreachedIn = (counts: StatusCounts): readonly DocumentedStatus[] =>
  STATUSES.filter(({ op, status }) => (counts[op]?.[status] ?? 0) === 0);
