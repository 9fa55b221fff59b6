/** A verb with its fields, as a script has it. */
export interface Action {
  readonly verb: string;
  readonly values: Readonly<Record<string, unknown>>;
}
