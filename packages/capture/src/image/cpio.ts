/** A file, folder or link of a guest's root file system. All of them belong to root. */
export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly data: Uint8Array; readonly executable?: boolean }
  | { readonly kind: 'link'; readonly path: string; readonly to: string };

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const FOLDER = 0o040755;
const FILE = 0o100644;
const EXECUTABLE = 0o100755;
const LINK = 0o120777;

const padding = (length: number): number => -length & 3;

const modeOf = (entry: CpioEntry): number => {
  if (entry.kind === 'folder') return FOLDER;
  if (entry.kind === 'link') return LINK;
  return entry.executable === true ? EXECUTABLE : FILE;
};

function dataOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  return entry.kind === 'link' ? Buffer.from(entry.to) : new Uint8Array(0);
}

function* written(inode: number, mode: number, path: string, data: Uint8Array): Generator<Uint8Array> {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  yield Buffer.from(header);
  yield name;
  yield new Uint8Array(padding(header.length + name.length));
  yield data;
  yield new Uint8Array(padding(data.length));
}

/**
 * An archive in the format that Linux unpacks as its first root file system ("newc"). Several of them one behind the
 * other are unpacked in turn.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [at, entry] of entries.entries())
    parts.push(...written(at + 1, modeOf(entry), entry.path, dataOf(entry)));
  parts.push(...written(0, 0, TRAILER, new Uint8Array(0)));
  return Buffer.concat(parts);
}
