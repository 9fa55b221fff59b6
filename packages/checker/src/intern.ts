/** Gives each of some values a small integer: equal texts, equal numbers. */
export class Interner<Value> {
  readonly #numbers = new Map<string, number>();
  readonly #values: Value[] = [];

  get size(): number {
    return this.#values.length;
  }

  /** The texts of the values from a number on. */
  *texts(from: number): Generator<string> {
    let number = 0;
    for (const text of this.#numbers.keys()) {
      if (number >= from) yield text;
      number += 1;
    }
  }

  at(number: number): Value {
    return this.#values[number]!;
  }

  /** The number of the value with that text; it is kept where the text is new. */
  number(text: string, value: Value): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const next = this.#values.length;
    this.#numbers.set(text, next);
    this.#values.push(value);
    return next;
  }
}
