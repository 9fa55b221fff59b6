/** Events that QEMU wanted to log and could not, and the first line that says so. */
export interface LostEvents {
  readonly events: number;
  readonly firstLine: number | null;
}
