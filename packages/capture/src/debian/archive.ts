import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureError, fileError } from '../capture-error.js';
import { complaintOf, interrupted, outputOf, type RunCommand, runCommand } from '../command.js';
import { chosenKernel, type KernelChoice, type KernelPackage, kernelsIn, noKernel } from './kernels.js';

const ARCHITECTURE = 'ppc64el';
const KERNELS = '^linux-image-[0-9].*-powerpc64le';

/** Debian signs every suite with the same keys. */
const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.pgp',
  '/usr/share/keyrings/debian-archive-keyring.gpg',
];

/**
 * apt's settings for another architecture in a folder of our own. They are read after those of the system, whose
 * sources, keys and proxies stay valid; what the system does after an update is not done here.
 */
const settings = (folder: string): string =>
  [
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/state/status";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Etc::SourceList "${folder}/sources.list";`,
    `APT::Architecture "${ARCHITECTURE}";`,
    '#clear APT::Architectures;',
    `APT::Architectures { "${ARCHITECTURE}"; };`,
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'Acquire::http::Timeout "30";',
    'Acquire::https::Timeout "30";',
    '',
  ].join('\n');

/** A suite that apt has an index of. */
export interface Suite {
  readonly origin: string;
  readonly uri: string;
  readonly name: string;
  readonly codename: string;
}

const SUITE_FORMAT = '$(ORIGIN) $(REPO_URI) $(RELEASE) $(CODENAME)';

/** The suites in what `apt-get indextargets` prints in the format above. */
export const suitesIn = (targets: string): readonly Suite[] =>
  targets.split('\n').flatMap((line): Suite[] => {
    const [origin, uri, name, codename, more] = line.trim().split(' ');
    if (origin === undefined || uri === undefined || name === undefined || codename === undefined) return [];
    return more === undefined ? [{ origin, uri, name, codename }] : [];
  });

/** The line for apt's sources with newer kernels for an older Debian; null where the suite is there or unknown. */
export function backportsLine(suites: readonly Suite[], keyring: string | undefined): string | null {
  const base = suites.find(({ origin, name, codename }) => origin === 'Debian' && name === codename);
  if (base === undefined) return null;
  const backports = `${base.codename}-backports`;
  if (suites.some(({ name }) => name === backports)) return null;
  const signed = keyring === undefined ? '' : `[signed-by=${keyring}] `;
  return `deb ${signed}${base.uri} ${backports} main`;
}

/** Names of packages in what `apt-cache depends` prints behind `Depends:`, without alternatives and virtual ones. */
export const dependenciesIn = (told: string): readonly string[] =>
  told.split('\n').flatMap((line) => /^ {2}(?:Pre)?Depends: ([a-z0-9][\w.+-]*)$/.exec(line)?.[1] ?? []);

/** Debian's packages for ppc64el, fetched by the apt of this machine without changing anything of it. */
export class DebianArchive {
  readonly #folder: string;
  readonly #run: RunCommand;
  readonly #signal: AbortSignal | undefined;

  /** @param folder for apt's indexes and packages */
  constructor(folder: string, run: RunCommand, signal?: AbortSignal) {
    this.#folder = folder;
    this.#run = run;
    this.#signal = signal;
  }

  /** Fetches the indexes of the system's sources. */
  async update(): Promise<void> {
    await this.#prepare();
    const system = await this.#systemSources();
    await this.#writeSources(system);
    await this.#fetchIndexes();
  }

  /**
   * The newest kernel that answers a choice. Where the system's own sources have none, the backports of the same
   * Debian are looked at.
   * @throws CaptureError where there is none
   */
  async kernel(choice: KernelChoice): Promise<KernelPackage> {
    const kernel = chosenKernel(choice, await this.#kernels());
    if (kernel !== undefined) return kernel;
    if (await this.#addBackports()) await this.#fetchIndexes();
    const kernels = await this.#kernels();
    const backported = chosenKernel(choice, kernels);
    if (backported === undefined) throw noKernel(choice, kernels);
    return backported;
  }

  /** Packages and the libraries that they need, and those in turn. */
  async withLibraries(names: readonly string[]): Promise<readonly string[]> {
    const all = new Set(names);
    let fresh = [...names];
    while (fresh.length > 0) {
      const needed = dependenciesIn(await this.#apt('apt-cache', ['depends', ...fresh]));
      fresh = [...new Set(needed)].filter((name) => /^z?lib/.test(name) && !all.has(name));
      for (const name of fresh) all.add(name);
    }
    return [...all];
  }

  /** Fetches packages into a folder; the files that are there then. */
  async download(names: readonly string[], folder: string): Promise<readonly string[]> {
    await this.#apt('apt-get', ['--quiet', 'download', ...names], folder);
    return (await readdir(folder)).filter((file) => file.endsWith('.deb')).sort();
  }

  async #prepare(): Promise<void> {
    try {
      for (const sub of ['state/lists/partial', 'cache/archives/partial'])
        await mkdir(join(this.#folder, sub), { recursive: true });
      await writeFile(join(this.#folder, 'state/status'), '');
      await writeFile(join(this.#folder, 'apt.conf'), settings(this.#folder));
    } catch (error) {
      throw fileError(this.#folder, error);
    }
  }

  async #systemSources(): Promise<string> {
    const told = await outputOf(this.#run, 'apt-config', ['shell', 'FILE', 'Dir::Etc::SourceList/f']);
    const [, file] = /^FILE='(.*)'$/m.exec(told) ?? [];
    return file !== undefined && existsSync(file) ? readFile(file, 'utf8') : '';
  }

  async #writeSources(text: string): Promise<void> {
    await writeFile(join(this.#folder, 'sources.list'), text);
  }

  async #addBackports(): Promise<boolean> {
    const targets = await this.#apt('apt-get', [
      'indextargets',
      '--format',
      SUITE_FORMAT,
      'Created-By: Packages',
    ]);
    const line = backportsLine(suitesIn(targets), KEYRINGS.find(existsSync));
    if (line === null) return false;
    const sources = await readFile(join(this.#folder, 'sources.list'), 'utf8');
    await this.#writeSources(`${sources}\n${line}\n`);
    return true;
  }

  /** A source that fails is left out by apt: whether the others suffice shows when a package is looked for. */
  async #fetchIndexes(): Promise<void> {
    const config = join(this.#folder, 'apt.conf');
    const result = await this.#run('apt-get', ['-c', config, '--quiet', 'update'], { signal: this.#signal });
    if (this.#signal?.aborted) throw interrupted();
    if (result.status === 0 || (await this.#kernels()).length > 0) return;
    throw new CaptureError(`apt-get fetches no index of packages for ppc64el: ${complaintOf(result)}`);
  }

  async #kernels(): Promise<readonly KernelPackage[]> {
    return kernelsIn(await this.#apt('apt-cache', ['search', '--names-only', KERNELS]));
  }

  #apt(command: 'apt-get' | 'apt-cache', args: readonly string[], cwd = this.#folder): Promise<string> {
    const config = join(this.#folder, 'apt.conf');
    return outputOf(this.#run, command, ['-c', config, ...args], { cwd, signal: this.#signal });
  }
}

/** Why apt cannot fetch packages for ppc64el here, as a sentence; null where it can. */
export async function archiveLacks(run: RunCommand = runCommand): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'spapr-dma-apt-'));
  try {
    await new DebianArchive(folder, run).update();
    return null;
  } catch (error) {
    if (error instanceof CaptureError) return error.message;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
