import { Command } from 'commander';

/** `spapr-dma vectors FILE` */
export interface VectorsCall {
  readonly verb: 'vectors';
  readonly file: string;
}

export function vectorsCommand(accept: (call: VectorsCall) => void): Command {
  return new Command('vectors')
    .summary('replay recorded calls and compare every answer')
    .description(
      'Replays recorded calls through the machines and compares each answer with the recorded one: hypercalls and RTAS ' +
        'calls of a QEMU, with every output cell; or ioctls, calls of KVM, hypercalls and DMA of a powernv host, with the ' +
        'locked memory after each.',
    )
    .argument('<FILE>', 'recorded calls, one JSON object a line, plain or .gz; - is standard input')
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma vectors vectors/qemu-7.2/qemu-7.2-random-1.jsonl.gz
  spapr-dma vectors vectors/powernv/main64.jsonl
  zcat *.jsonl.gz | spapr-dma vectors - --json

Status: 0 all agree, 1 an answer differs or more than 2 % is not modelled, 2 the call or the file is unusable.`,
    )
    .action((file: string) => accept({ verb: 'vectors', file }));
}
