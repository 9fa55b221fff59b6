/** Something that is nobody's answer and no mistake of ours: one sentence says what. */
export class LiveError extends Error {
  override readonly name: string = 'LiveError';
}
