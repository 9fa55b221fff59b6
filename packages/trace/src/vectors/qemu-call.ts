import type { DmaPiece, PhbDevice, RtasName, TceHcall } from '@spapr-dma/protocol';

/** Hypercalls that a file of calls may hold. */
export type HcallOp = TceHcall['type'];
/** RTAS calls that a file of calls may hold. */
export type RtasOp = Exclude<RtasName, 'rtas'>;

/** A hypercall: its arguments from r4 on, and what stood at a list's address (zeros follow; empty for other calls). */
export interface HcallMade {
  readonly kind: 'hcall';
  readonly op: HcallOp;
  readonly args: readonly bigint[];
  readonly list: readonly bigint[];
}

/** An RTAS call: its argument cells, however many those are, and the number of return cells asked for. */
export interface RtasMade {
  readonly kind: 'rtas';
  readonly op: RtasOp;
  readonly args: readonly number[];
  readonly nret: number;
}

/** A device behind a PHB reads guest memory, or writes to it. */
export interface DmaMade {
  readonly kind: 'dma';
  readonly op: 'dma-read' | 'dma-write';
  readonly phb: number;
  readonly ioba: bigint;
  readonly bytes: number;
}

/** What somebody at the monitor does. `migrate` goes on in a second QEMU that loaded the stream. */
export type MonitorMade = { readonly kind: 'monitor' } & (
  | { readonly op: 'system_reset' }
  | { readonly op: 'migrate' }
  | {
      readonly op: 'device_add';
      readonly device:
        | PhbDevice
        | { readonly driver: 'pci'; readonly id: string; readonly phb: number; readonly devfn: number };
    }
  | {
      readonly op: 'device_del';
      readonly target:
        | { readonly kind: 'phb'; readonly index: number }
        | { readonly kind: 'pci'; readonly id: string };
    }
  /** What left is freed: the RCU thread runs. */
  | { readonly op: 'rcu' }
);

/** One thing done to a QEMU. */
export type QemuCall = HcallMade | RtasMade | DmaMade | MonitorMade;

/** What became of it. */
export type QemuAnswer =
  /** r3 as a signed number, and r4 of a successful H_GET_TCE. */
  | { readonly kind: 'hcall'; readonly rc: number; readonly tce: bigint | null }
  /** r3 of the hypercall that carried it, and the cells: the status signed, the others unsigned, 0xdeadbeef untouched. */
  | { readonly kind: 'rtas'; readonly rc: number; readonly rets: readonly number[] }
  | { readonly kind: 'dma'; readonly pieces: readonly DmaPiece[] }
  | { readonly kind: 'monitor'; readonly error: string | null }
  /** QEMU is gone. */
  | { readonly kind: 'abort'; readonly text: string };

/** The machine that is asked: what the first line of a file tells. */
export interface QemuMachine {
  /** Version of QEMU. */
  readonly qemu: string;
  /** Machine version; null where the file does not say: pseries-7.2. */
  readonly machine: `pseries-${number}.${number}` | null;
  readonly seed: number | null;
  /** In the order of making; what is left out has the default of the machine version. */
  readonly phbs: readonly PhbDevice[];
  /** VIO devices with a TCE table, besides the console and the memory that every machine has. */
  readonly vios: readonly { readonly driver: 'spapr-vscsi' | 'spapr-vlan'; readonly reg: number }[];
  /** Guest memory in MiB. */
  readonly ramMb: number;
}
