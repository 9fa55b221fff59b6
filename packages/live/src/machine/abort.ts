import type { QemuProcess } from '@spapr-dma/qemu-process';
import type { QemuAnswer } from '@spapr-dma/trace';
import { LiveError } from './live-error.js';

/** QEMU ended, and not by itself. */
export class QemuKilled extends LiveError {
  override readonly name = 'QemuKilled';
}

/** By these a program ends that finds itself wrong. */
const OWN_SIGNALS: readonly string[] = ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP'];

/** What a program says that aborts. */
const ASSERTION = /Assertion .* failed|^(?:Bail out! )?ERROR:|hardware error/;

/**
 * How QEMU ended, as the answer to the call that did it: by the line that names the reason.
 * @throws QemuKilled where somebody else ended it
 */
export async function abortOf(qemu: QemuProcess): Promise<QemuAnswer> {
  const { status, signal } = await qemu.exited;
  const said = qemu.stderr.trim().split('\n');
  if (signal === null || OWN_SIGNALS.includes(signal)) {
    const how = signal === null ? `QEMU ended with status ${status}` : `QEMU ended by ${signal}`;
    return { kind: 'abort', text: said.find((line) => ASSERTION.test(line)) ?? how };
  }
  throw new QemuKilled(`QEMU was ended by ${signal}, which it does not send itself`);
}
