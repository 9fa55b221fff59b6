import { Command } from 'commander';

/** `spapr-dma follow LOG` */
export interface FollowCall {
  readonly verb: 'follow';
  readonly log: string;
  /** `key=value,…` as typed, one a PHB. */
  readonly phbs: readonly string[];
  readonly machine: string | null;
}

interface FollowOptions {
  readonly phb?: readonly string[];
  readonly machine?: string;
}

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function followCommand(accept: (call: FollowCall) => void): Command {
  return new Command('follow')
    .summary("hold a real QEMU's trace log against the specification")
    .description(
      "Follows a QEMU trace log in the specification, call by call, and tells of each window's life, the rates of TCE " +
        'calls, and what is remarkable. PHBs, machine and page sizes are read from the log; options say what it leaves open.',
    )
    .argument(
      '<LOG>',
      'trace log of a pseries QEMU, as text or binary (simpletrace, version 4), plain or .gz; - is standard input',
    )
    .option(
      '--phb <properties>',
      'what a PHB was started with: index=N and any of dma_win_addr, dma_win_size, ' +
        'dma64_win_addr, pgsz (numbers) and ddw (on or off), joined by commas;\nmay be given several times',
      collected,
    )
    .option('--machine <type>', 'machine type that QEMU was started with, such as pseries-2.6')
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma follow traces/12-kexec.log.gz
  spapr-dma follow qemu.log --machine pseries-2.6
  spapr-dma follow qemu.log --phb index=1,dma64_win_addr=0x400000000000000,pgsz=0x11000
  spapr-dma follow traces/simpletrace/ddw-nvme.simpletrace.gz
  ssh host cat qemu.log | spapr-dma follow - --json

Status: 0 accepted, with or without findings; 1 log and specification part; 2 the call or the log is unusable.`,
    )
    .action((log: string, { phb, machine }: FollowOptions) =>
      accept({
        verb: 'follow',
        log,
        phbs: phb ?? [],
        machine: machine ?? null,
      }),
    );
}
