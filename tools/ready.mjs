/** Makes a fresh clone ready to work: dependencies installed, build current. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { env, execPath, exit, versions } from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const lockFile = `${root}package-lock.json`;
const stampFile = `${root}node_modules/.spapr-dma-lock`;

const lockHash = () => createHash('sha256').update(readFileSync(lockFile)).digest('hex');

/** Notes which lock the installed dependencies belong to. */
export function stampDependencies() {
  if (existsSync(`${root}node_modules`)) writeFileSync(stampFile, `${lockHash()}\n`);
}

function areDependenciesCurrent() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === lockHash();
}

/** @param {string[]} args */
function npm(args) {
  const { npm_execpath: npmScript } = env;
  const [command, first] = npmScript === undefined ? ['npm', []] : [execPath, [npmScript]];
  return spawnSync(command, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] }).status === 0;
}

/**
 * Runs a program of an installed package. Its output is shown as it comes, or held back and shown only if it fails.
 *
 * @param {string} script path under `node_modules`
 * @param {string[]} args
 * @param {{ quiet?: boolean, env?: Record<string, string> }} [options]
 */
export function runInstalled(script, args, options = {}) {
  const { status, stdout, stderr } = spawnSync(execPath, [`${root}node_modules/${script}`, ...args], {
    cwd: root,
    env: { ...env, ...options.env },
    stdio: options.quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (options.quiet && status !== 0) console.error(`${stdout}${stderr}`);
  return status === 0;
}

/** @param {string[]} args @param {{ quiet?: boolean }} [options] */
export const nx = (args, options) => runInstalled('nx/dist/bin/nx.js', args, options);

function demandNode() {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`spapr-dma needs Node 20.19 or newer; this is ${versions.node}.`);
  exit(2);
}

/** Installs what the lock names unless just that is installed. */
export function ensureInstalled() {
  demandNode();
  if (areDependenciesCurrent()) return;
  console.error('Installing dependencies …');
  if (!npm(['ci', '--no-audit', '--no-fund', '--loglevel=warn'])) {
    console.error('The dependencies could not be installed: `npm ci` failed.');
    exit(2);
  }
  stampDependencies();
}

const buildStampFile = `${root}node_modules/.spapr-dma-build`;
const parents = ['packages', 'apps'];
/** @param {string} parent */
const foldersOf = (parent) =>
  readdirSync(`${root}${parent}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${parent}/${name}`);

/**
 * What the build is made from: sources, manifests and compiler settings, by content.
 *
 * @param {string[]} folders
 */
function sourceHash(folders) {
  const hash = createHash('sha256').update(lockHash());
  const files = folders.flatMap((/** @type {string} */ folder) => [
    ...readdirSync(`${root}${folder}`)
      .filter((name) => name.endsWith('.json'))
      .map((name) => `${folder}/${name}`),
    ...readdirSync(`${root}${folder}/src`, { recursive: true }).map((name) => `${folder}/src/${name}`),
  ]);
  for (const file of ['tsconfig.base.json', 'nx.json', ...files.sort()]) {
    if (file.endsWith('.json') || file.endsWith('.ts'))
      hash.update(`\n${file}\n`).update(readFileSync(`${root}${file}`));
  }
  return hash.digest('hex');
}

/**
 * Builds what changed. A build that is current is left alone: nx would take its outputs away and put them back, under
 * the feet of whoever runs them.
 */
export function ensureBuilt() {
  const folders = parents.flatMap(foldersOf);
  const hash = sourceHash(folders);
  const isThere = folders.every((folder) => existsSync(`${root}${folder}/dist/index.js`));
  if (isThere && existsSync(buildStampFile) && readFileSync(buildStampFile, 'utf8').trim() === hash)
    return true;
  if (!nx(['run-many', '-t', 'build'], { quiet: true })) return false;
  writeFileSync(buildStampFile, `${hash}\n`);
  return true;
}
