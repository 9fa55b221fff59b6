import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CommandResult, RunCommand } from '../src/command.js';
import { backportsLine, DebianArchive, dependenciesIn, suitesIn } from '../src/debian/archive.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capture-archive-'));
});
afterEach(() => rm(folder, { recursive: true }));

const good = (stdout = ''): CommandResult => ({ status: 0, stdout, stderr: '' });
const OLD = 'linux-image-6.1.0-50-powerpc64le - Linux 6.1 for Little-endian 64-bit PowerPC\n';
const NEW = 'linux-image-6.12.9-powerpc64le - Linux 6.12 for Little-endian 64-bit PowerPC with 4k pages\n';
const MIRROR = 'http://mirror.example/debian/';

/** An apt whose sources have an old kernel, and whose backports have a new one. */
function apt(
  answers: (command: string, args: readonly string[]) => CommandResult | undefined = () => undefined,
) {
  const calls: string[] = [];
  const sources = () => readFileSync(join(folder, 'sources.list'), 'utf8');
  let fetched = '';
  const run: RunCommand = async (command, args) => {
    const call = args.filter((arg) => arg !== '-c' && arg !== join(folder, 'apt.conf'));
    calls.push([command, ...call].join(' '));
    const answer = answers(command, call);
    if (answer !== undefined) return answer;
    if (call.includes('update')) {
      fetched = sources().includes('bookworm-backports') ? OLD + NEW : OLD;
      return good();
    }
    if (call[0] === 'search') return good(fetched);
    if (call[0] === 'indextargets') return good(`Debian ${MIRROR} bookworm bookworm\n`);
    return good();
  };
  return { archive: new DebianArchive(folder, run), calls, sources };
}

test("apt is asked for another architecture with the system's sources, in a folder of its own", async () => {
  const list = join(folder, 'system.list');
  await writeFile(list, 'deb http://mirror.example/debian bookworm main\n');
  const { archive, calls, sources } = apt((command) =>
    command === 'apt-config' ? good(`FILE='${list}'\n`) : undefined,
  );
  await archive.update();
  expect(calls).toEqual(['apt-config shell FILE Dir::Etc::SourceList/f', 'apt-get --quiet update']);
  expect(sources()).toBe('deb http://mirror.example/debian bookworm main\n');
  const settings = readFileSync(join(folder, 'apt.conf'), 'utf8');
  expect(settings).toContain(`Dir::State "${folder}/state";`);
  expect(settings).toContain('APT::Architectures { "ppc64el"; };');
  expect(existsSync(join(folder, 'state/status'))).toBe(true);
});

test('A kernel that the sources have is taken from them', async () => {
  const { archive, calls } = apt();
  await archive.update();
  expect(await archive.kernel('64k')).toMatchObject({ release: '6.1.0-50-powerpc64le' });
  expect(calls.filter((call) => call.endsWith('update'))).toHaveLength(1);
});

test('A kernel that they do not have is looked for in the backports of the same Debian', async () => {
  const { archive, sources } = apt();
  await archive.update();
  expect(await archive.kernel('4k')).toMatchObject({ release: '6.12.9-powerpc64le', guestPageShift: 12 });
  expect(sources()).toMatch(
    /^deb (?:\[signed-by=\S+\] )?http:\/\/mirror\.example\/debian\/ bookworm-backports main$/m,
  );
});

test('A kernel that is nowhere is told with those that are there', async () => {
  const { archive } = apt();
  await archive.update();
  await expect(archive.kernel('5.10')).rejects.toThrow(
    'there is no kernel 5.10 for ppc64el; apt finds 6.12.9-powerpc64le, 6.1.0-50-powerpc64le',
  );
});

test('One source that fails does not matter where the others have kernels', async () => {
  const { archive } = apt((_, args) => {
    if (args.includes('update')) return { status: 100, stdout: '', stderr: 'E: Failed to fetch security\n' };
    return args[0] === 'search' ? good(OLD) : undefined;
  });
  await archive.update();
  expect(await archive.kernel('64k')).toMatchObject({ name: 'linux-image-6.1.0-50-powerpc64le' });
});

test("Where no index comes, apt's own complaint is told", async () => {
  const stderr = 'W: something\nE: Could not resolve the mirror\nE: Some index files failed to download\n';
  const { archive } = apt((_, args) =>
    args.includes('update') ? { status: 100, stdout: '', stderr } : undefined,
  );
  await expect(archive.update()).rejects.toThrow(
    'apt-get fetches no index of packages for ppc64el: Could not resolve the mirror',
  );
});

test('A command that fails is told with what it says last', async () => {
  const { archive } = apt((command) =>
    command === 'apt-cache' ? { status: 1, stdout: 'a\nb\n', stderr: '' } : undefined,
  );
  await archive.update();
  await expect(archive.kernel('4k')).rejects.toThrow('apt-cache fails: b');
});

const DEPENDS: Readonly<Record<string, string>> = {
  tools: `tools
  Depends: bash
  Depends: libc6
 |Depends: debconf
  Depends: <debconf-2.0>
    debconf
  PreDepends: librtas2
  Depends: zlib1g
`,
  libc6: `libc6
  Depends: libgcc-s1
  Breaks: libold
`,
  librtas2: `librtas2
  Depends: libc6
`,
};

test('Packages bring the libraries that they need, and those in turn, and nothing else', async () => {
  expect(dependenciesIn(DEPENDS.tools!)).toEqual(['bash', 'libc6', 'librtas2', 'zlib1g']);
  const { archive } = apt((_, [what, ...names]) =>
    what === 'depends' ? good(names.map((name) => DEPENDS[name] ?? `${name}\n`).join('')) : undefined,
  );
  await archive.update();
  expect(await archive.withLibraries(['tools'])).toEqual([
    'tools',
    'libc6',
    'librtas2',
    'zlib1g',
    'libgcc-s1',
  ]);
});

test.each`
  case                       | targets                                                                                         | line
  ${'an older Debian'}       | ${`Debian ${MIRROR} bookworm bookworm`}                                                         | ${`deb [signed-by=keys] ${MIRROR} bookworm-backports main`}
  ${'one that has them'}     | ${`Debian ${MIRROR} bookworm bookworm\nDebian ${MIRROR} bookworm-backports bookworm-backports`} | ${null}
  ${'another distribution'}  | ${`Other ${MIRROR} noble noble`}                                                                | ${null}
  ${'only part of a Debian'} | ${`Debian ${MIRROR} bookworm-updates bookworm`}                                                 | ${null}
  ${'no index'}              | ${''}                                                                                           | ${null}
`('Backports are asked of $case: $line', ({ targets, line }) => {
  expect(backportsLine(suitesIn(targets), 'keys')).toBe(line);
});
