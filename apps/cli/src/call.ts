import type { CaptureCall } from './capture/capture-call.js';
import type { CheckCall } from './check/check-call.js';
import type { FollowCall } from './follow/follow-call.js';
import type { LiveCall } from './live/live-call.js';
import type { RunCall } from './run/run-call.js';
import type { SizeCall } from './size/size-call.js';
import type { VectorsCall } from './vectors/vectors-call.js';

/** What a person asked for, read from the command line and free of contradictions in itself. */
export type Call =
  | RunCall
  | CheckCall
  | FollowCall
  | VectorsCall
  | LiveCall
  | CaptureCall
  | SizeCall
  | TextCall;

/** Help or the version: text that is printed as it is. */
export interface TextCall {
  readonly verb: 'text';
  readonly text: string;
}
