/** Where a QEMU's files are. They are gone when it is. */
export interface QemuPlaces {
  /** A folder of its own, for sockets and whatever else. */
  readonly folder: string;
  /** Path for a file of guest memory, on a file system in memory where there is one. Nobody makes it beforehand. */
  readonly memory: string;
}

/** How a QEMU ended: its exit status, or the signal that ended it. */
export interface QemuExit {
  readonly status: number | null;
  readonly signal: string | null;
}
