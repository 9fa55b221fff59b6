import { localStatesOf } from './findings.js';
import type { Remembered } from './remembered.js';
import type { SearchResult } from './result.js';

/** What a search came to, without what can be worked out from it. */
export interface Ended
  extends Pick<
    SearchResult,
    'violations' | 'unreached' | 'states' | 'transitions' | 'depth' | 'bound' | 'seconds'
  > {
  readonly remembered: Remembered;
  /** Whether everything was seen. */
  readonly isWhole: boolean;
  /** Transitions that were looked up. */
  readonly lookedUp: number;
  /** Bytes of what is kept of all states. */
  readonly bytes: number;
}

export function resultOf({ remembered, isWhole, lookedUp, bytes, ...ended }: Ended): SearchResult {
  const isViolated = ended.violations.length > 0 || ended.unreached.length > 0;
  const { asked } = remembered;
  return {
    verdict: isViolated ? 'violated' : isWhole ? 'holds' : 'bounded',
    ...ended,
    localStates: localStatesOf(remembered),
    asked,
    memoHits: lookedUp === 0 ? 0 : Math.max(0, 1 - asked / lookedUp),
    bytesPerState: bytes / ended.states,
  };
}
