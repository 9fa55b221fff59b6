import { LiveError } from './live-error.js';

/** Guest memory holds something that nobody should have written. */
export class MemoryDiffers extends LiveError {
  override readonly name = 'MemoryDiffers';
  readonly gpa: number;

  /** @param seen what is there, in hexadecimal */
  constructor(gpa: number, seen: string) {
    super(`guest memory at 0x${gpa.toString(16)} was written by nobody we know of: ${seen}`);
    this.gpa = gpa;
  }
}
