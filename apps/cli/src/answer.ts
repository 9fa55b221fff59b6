/** 0: it holds or was accepted. 1: it does not hold. 2: the call or the input is unusable. */
export type Status = 0 | 1 | 2;

/** Why the call or the input is unusable, from `line` of the input on; null where it is no matter of a line. */
export interface Fault {
  readonly line: number | null;
  readonly text: string;
}

/** What a verb answers, for programs and for people. Where `document.error` is set, both tell what was good so far. */
export interface Answer {
  readonly status: Status;
  readonly document: { readonly error: Fault | null };
  /** May be empty; otherwise it ends with a newline. Asked for only where it is printed. */
  readonly text: () => string;
}

/** The answer where nothing was good but the document's shape. */
export const unusable = (document: Answer['document']): Answer => ({ status: 2, document, text: () => '' });
