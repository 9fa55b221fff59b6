/** The chunks of an input, the first of them with so many bytes at least, unless there are fewer in all. */
export async function* withBeginning(
  input: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  let beginning = Buffer.alloc(0);
  let isWhole = false;
  for await (const chunk of input) {
    if (isWhole) {
      yield chunk;
      continue;
    }
    beginning = Buffer.concat([beginning, chunk]);
    isWhole = beginning.length >= bytes;
    if (isWhole) yield beginning;
  }
  if (!isWhole && beginning.length > 0) yield beginning;
}
