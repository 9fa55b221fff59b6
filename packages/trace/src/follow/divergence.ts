/** Where log and specification part. */
export interface Divergence {
  readonly line: number;
  readonly text: string;
  readonly expected: string;
  readonly observed: string;
}
