import { type FollowReport, followLog, InputError } from '@spapr-dma/trace';
import { type Answer, type Status, unusable } from '../answer.js';
import type { Host } from '../host.js';
import { inputOf } from '../inputs.js';
import type { FollowCall } from './follow-call.js';
import { followText } from './follow-text.js';
import { followOptions } from './known.js';
import { unfollowed } from './unfollowed.js';

function statusOf({ accepted, error }: FollowReport): Status {
  if (error !== null) return 2;
  return accepted ? 0 : 1;
}

/** `spapr-dma follow LOG`: a real log, held against the specification. */
export async function follow(call: FollowCall, host: Host): Promise<Answer> {
  const options = followOptions(call);
  try {
    const report = await followLog(inputOf(call.log, host), {
      ...options,
      onProgress: host.progress.lines,
    });
    return {
      status: statusOf(report),
      document: report,
      text: () => followText(call.log, report, host.paint),
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return unusable(unfollowed({ line: error.line, text: error.message }));
  }
}
