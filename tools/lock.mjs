/**
 * Completes package-lock.json after an install, and notes that the installed dependencies belong to it.
 *
 * Tools with a binary for each platform name all of them as optional dependencies. npm leaves out of the lock those
 * that the registry at hand does not carry, and `npm ci` then refuses the lock it wrote itself. An entry with
 * version, platform and `optional` is enough for it: on other platforms npm never looks further.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { stampDependencies } from './ready.mjs';

const systems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const processors = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
];

/**
 * @typedef {{ version?: string, dev?: boolean, optionalDependencies?: Record<string, string> }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} Lock
 */

/**
 * Platform of a binary package as its name tells it, or undefined where it tells none.
 *
 * @param {string} name
 */
function platformOf(name) {
  const words = name.replace(/^.*\//, '').split('-');
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  if (os === undefined || cpu === undefined) return undefined;
  return { os: [os], cpu: [cpu], ...(words.includes('musl') ? { libc: ['musl'] } : {}) };
}

/**
 * True where Node would find `name` from the package installed at `path`.
 *
 * @param {Lock['packages']} packages
 * @param {string} path
 * @param {string} name
 */
function isLocked(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (`${at === '' ? '' : `${at}/`}node_modules/${name}` in packages) return true;
    if (!at.includes('/node_modules/')) return `node_modules/${name}` in packages;
  }
}

/**
 * The lock with an entry for every optional dependency, and the names that had none.
 *
 * @param {Lock} lock
 */
export function completeLock(lock) {
  const packages = { ...lock.packages };
  const added = /** @type {string[]} */ ([]);
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const platform = platformOf(name);
      if (platform === undefined || isLocked(packages, path, name)) continue;
      const entry = { ...platform, ...(dev ? { dev } : {}), optional: true };
      packages[`node_modules/${name}`] = { version, ...Object.fromEntries(Object.entries(entry).sort()) };
      added.push(name);
    }
  }
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  return { lock: { ...lock, packages: Object.fromEntries(sorted) }, added };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('../package-lock.json', import.meta.url);
  const { lock, added } = completeLock(JSON.parse(readFileSync(file, 'utf8')));
  if (added.length > 0) {
    writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`package-lock.json: added ${added.length} optional platform packages`);
  }
  stampDependencies();
}
