import { answersAgree } from './answers-agree.js';
import { parseCallLine } from './call-line.js';
import { type FormatVersion, parseMeta } from './meta-line.js';
import { QemuSpecification } from './qemu-specification.js';
import { Tally, type VectorsReplay } from './report.js';
import { writtenAnswer } from './written-call.js';

/** What was done to a QEMU, replayed through QEMU's machine. */
export class QemuCallsReplay implements VectorsReplay {
  readonly tally = new Tally();
  #version: FormatVersion = 1;
  #specification: QemuSpecification | null = null;

  get format(): string {
    return `qemu-calls-${this.#version}`;
  }

  take(text: string, line: number): void {
    if (this.#specification === null) {
      const { version, machine } = parseMeta(text, line);
      this.#version = version;
      this.#specification = new QemuSpecification(machine);
    } else this.#compare(this.#specification, text, line);
  }

  #compare(specification: QemuSpecification, text: string, line: number): void {
    const { n, call, answer } = parseCallLine(text, line, this.#version);
    const place = { line, scenario: null, n, op: call.op };
    if (specification.isAborted) {
      this.tally.passedOver(place, 'QEMU aborted before this call');
      return;
    }
    const expected = specification.step(call);
    if (answersAgree(expected, answer)) this.tally.agreed();
    else this.tally.differed(place, writtenAnswer(expected), writtenAnswer(answer));
  }
}
