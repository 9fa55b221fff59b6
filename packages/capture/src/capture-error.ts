/** Why nothing can be recorded, or not to its end: one sentence for the person who asked for it. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'may not be written',
  EPERM: 'may not be written',
  EROFS: 'is on a file system that is read-only',
  ENOSPC: 'is on a file system that is full',
  EDQUOT: 'is on a file system where you have no space left',
  ENOTDIR: 'lies under something that is no folder',
  EEXIST: 'is no folder',
  EISDIR: 'is a folder',
  ENOENT: 'does not exist',
};

/** What the system said when a file below `path` was written or read, as a sentence; other errors as they are. */
export function fileError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const { code, path: named } = error as NodeJS.ErrnoException;
  return new CaptureError(`${named ?? path} ${REASONS[`${code}`] ?? `cannot be written (${code})`}`);
}
