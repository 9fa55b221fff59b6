import type { Fault } from '../answer.js';
import { stepsDocument } from '../played/played-document.js';
import type { Report } from './report.js';

/** The way to a violation as `--json` tells it. */
const counterexampleDocument = (played: NonNullable<Report['played']>) => ({
  property: played.counterexample.property.name,
  loopAfter: played.counterexample.loopAfter,
  setupSteps: played.setupSteps,
  steps: stepsDocument(played),
});

/** A model that was checked, as `--json` tells it. */
export function reportDocument(report: Report) {
  const { entry, search, found, violation, played, expectation } = report;
  const { result } = found;
  return {
    model: entry.name,
    preset: found.preset,
    switches: found.settings,
    size: found.size,
    verdict: result.verdict,
    property: violation?.property ?? null,
    text: violation?.text ?? null,
    states: result.states,
    transitions: result.transitions,
    depth: result.depth,
    seconds: result.seconds,
    localStates: result.localStates,
    asked: result.asked,
    memoHits: result.memoHits,
    bytesPerState: result.bytesPerState,
    order: search.order,
    workers: search.workers,
    reductions: { symmetry: search.symmetry, partialOrder: search.partialOrder ?? false },
    bound: result.bound,
    unreached: result.unreached.map(({ property, sometimes }) => ({ property, sometimes })),
    violations: found.violations.map(({ property, text, choices }) => ({
      property,
      text,
      steps: choices.length,
    })),
    counterexample: played === null ? null : counterexampleDocument(played),
    expected: expectation,
    error: report.fault,
  };
}

/** Several models. */
export const reportsDocument = (reports: readonly Report[], error: Fault | null) => ({
  models: reports.map(reportDocument),
  error,
});
