import type { AnyMessage } from '../../src/participants.ts';
import type { HostAtEnd } from '../../src/story/host-at-end.ts';
import type { WindowAtEnd } from '../../src/story/result.ts';

/** A message as it arrived. */
export interface Arrived {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  /** Its fields in one line, without the type. */
  readonly text: string;
  readonly message: AnyMessage;
}

/** What a run came to. */
export interface Run {
  /** Everything that arrived, also what the kernel tells of itself and what a step costs. */
  readonly arrived: readonly Arrived[];
  readonly windows: readonly WindowAtEnd[];
  readonly host: HostAtEnd | null;
  /** Host pages that each process is charged. */
  readonly locked: Readonly<Record<string, number>>;
  /** What is violated, by name, with the first sentence about it. */
  readonly violated: Readonly<Record<string, string>>;
  /** Why the script did not come to its end. */
  readonly mistakes: readonly string[];
}
