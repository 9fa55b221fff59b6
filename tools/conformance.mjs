/**
 * What `npm run conformance` does: compares the specification with the QEMU that is installed, by a million calls and
 * more, confirms the known defects, and replays what vectors/qemu-7.2/live keeps. The figures are kept in
 * docs/conformance.json, and docs/conformance.md is written from them. What no kept file shows is in live-findings then.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { execPath, exit } from 'node:process';
import { conformanceOf } from './conformance-figures.mjs';
import { ensureBuilt, ensureInstalled, root } from './ready.mjs';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const CALLS = 100_000;
/** More calls that change windows, resets, hotplug and migrations: they take longer. */
const EVENTFUL_SEEDS = [11, 12];
const EVENTFUL_CALLS = 20_000;
/** What is known; calls that show something else go to the folder that is the default. */
const KNOWN = 'vectors/qemu-7.2/live';

/** @param {readonly string[]} args */
const node = (args) =>
  spawnSync(execPath, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });

/**
 * What the verb `live` reports. Where there is no QEMU, or somebody interrupts, that is the end.
 *
 * @param {readonly string[]} args
 */
function live(args) {
  const { status, stdout } = node(['apps/cli/bin/spapr-dma.js', 'live', ...args, '--json']);
  if (status !== 0 && status !== 1) exit(status ?? 1);
  return JSON.parse(stdout);
}

ensureInstalled();
if (!ensureBuilt()) exit(1);
const runs = SEEDS.map((seed) => live(['--seed', `${seed}`, '--calls', `${CALLS}`]));
const eventful = ['--until-difference', '--calls', `${EVENTFUL_CALLS}`];
for (const seed of EVENTFUL_SEEDS) runs.push(live(['--seed', `${seed}`, ...eventful]));
const defects = live(['--defects']);
const files = readdirSync(`${root}${KNOWN}`).filter((name) => name.endsWith('.jsonl'));
const conformance = conformanceOf(runs, defects, live(files.sort().map((name) => `${KNOWN}/${name}`)));
writeFileSync(`${root}docs/conformance.json`, `${JSON.stringify(conformance, null, 2)}\n`);
const { status } = node(['--import', './tools/typescript.mjs', 'tools/generate/conformance.ts']);
console.log(`${conformance.calls} calls, ${conformance.differences} answered otherwise than specified`);
exit(status === 0 && conformance.differences === 0 ? 0 : 1);
