import type { ModelEntry } from '@spapr-dma/models';
import { parseSettings, type Settings } from '@spapr-dma/system';
import type { Fault } from '../answer.js';
import type { Host } from '../host.js';
import type { CheckCall } from './check-call.js';
import type { Request } from './explore.js';
import { progressText } from './progress-text.js';
import { type Report, reportOf } from './report.js';
import { known } from './repository.js';
import { search } from './search.js';

/** @throws CallError for what does not exist, or makes no sense */
function requestOf(entry: ModelEntry, call: CheckCall): Request {
  const set: Settings = known(() => parseSettings(call.set));
  const { preset, size, properties: asked } = call;
  // What a model asks of paths that go on for ever, it asks when its name is given.
  const eventually = asked.filter((name) => entry.eventually.includes(name));
  const properties = asked.filter((name) => entry.properties.includes(name) || !eventually.includes(name));
  return {
    entry,
    search: call.search,
    promela: call.promela !== null,
    options: {
      set,
      ...(preset === null ? {} : { preset }),
      ...(size === null ? {} : { size }),
      ...(asked.length === 0 ? {} : { properties, eventually }),
    },
  };
}

/** Searches one model, and shows how far it has come. */
export async function checked(entry: ModelEntry, call: CheckCall, host: Host): Promise<Report> {
  const { progress } = host;
  progress.show(`${entry.name}: setting up`);
  const isAsListed = call.preset === null && call.set.length === 0 && call.size === null;
  const states = isAsListed ? entry.states : null;
  const found = await search(requestOf(entry, call), host, (seen) =>
    progress.show(progressText(entry.name, seen, states)),
  );
  return reportOf(entry, call, found);
}

/** Searches one model after another, until the person asks to stop or one cannot be searched to its end. */
export async function checkedAll(
  entries: readonly ModelEntry[],
  call: CheckCall,
  host: Host,
): Promise<{ readonly reports: readonly Report[]; readonly error: Fault | null }> {
  const reports: Report[] = [];
  for (const entry of entries) {
    if (host.interrupted.aborted) {
      return { reports, error: { line: null, text: `interrupted before the model ${entry.name}` } };
    }
    const report = await checked(entry, call, host);
    reports.push(report);
    if (report.fault !== null) return { reports, error: report.fault };
  }
  return { reports, error: null };
}
