import { writeFile } from 'node:fs/promises';
import type { ModelEntry } from '@spapr-dma/models';
import { writeCounterexample } from '@spapr-dma/system';
import type { Answer, Status } from '../answer.js';
import { CallError } from '../call-error.js';
import type { Host } from '../host.js';
import { jsonText } from '../text/json.js';
import type { CheckCall } from './check-call.js';
import { reportDocument, reportsDocument } from './check-document.js';
import { chartAlone, reportText } from './check-text.js';
import { checked, checkedAll } from './checked.js';
import { itfOf } from './itf.js';
import { listModels } from './list.js';
import type { Report } from './report.js';
import { allModels, modelNamed } from './repository.js';

/** @throws CallError where a file cannot be written */
async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new CallError(`${file} cannot be written: ${(error as Error).message}`, 'check');
  }
}

/** The files that were asked for. */
async function writeFiles({ played, found }: Report, { out, itf, promela }: CheckCall): Promise<void> {
  if (promela !== null) await write(promela, found.promela ?? '');
  if (played === null) return;
  if (out !== null) await write(out, writeCounterexample(played.counterexample, played.steps));
  if (itf !== null) await write(itf, jsonText(itfOf(played)));
}

/** The status of one model: it follows the verdict, whatever was expected. */
export function statusOf({ found, fault }: Report): Status {
  if (fault !== null) return 2;
  return found.result.verdict === 'violated' ? 1 : 0;
}

async function checkOne(entry: ModelEntry, call: CheckCall, host: Host): Promise<Answer> {
  const report = await checked(entry, call, host);
  await writeFiles(report, call);
  return {
    status: statusOf(report),
    document: reportDocument(report),
    text: () => chartAlone(report, call) ?? reportText(report, call, host.paint),
  };
}

async function checkSeveral(entries: readonly ModelEntry[], call: CheckCall, host: Host): Promise<Answer> {
  const { reports, error } = await checkedAll(entries, call, host);
  const statuses = reports.map(statusOf);
  return {
    status: error !== null || statuses.includes(2) ? 2 : statuses.includes(1) ? 1 : 0,
    document: reportsDocument(reports, error),
    text: () => reports.map((report) => reportText(report, call, host.paint)).join('\n'),
  };
}

/** `spapr-dma check [MODEL…]` */
export async function check(call: CheckCall, host: Host): Promise<Answer> {
  const { models: names, matrix, all } = call;
  if (matrix) return (await import('./matrix.js')).checkMatrix(call, host);
  if (names.length === 0) return all ? (await import('./all.js')).checkAll(call, host) : listModels();
  const models = allModels();
  const entries = names.map((name) => modelNamed(models, name));
  const [only] = entries;
  return entries.length === 1 ? checkOne(only!, call, host) : checkSeveral(entries, call, host);
}
