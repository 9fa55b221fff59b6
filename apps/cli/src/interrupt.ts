/** The same input until the signal comes, and then an error: also while it waits for a writer that says nothing. */
export async function* untilInterrupted<Chunk>(
  input: AsyncIterable<Chunk>,
  signal: AbortSignal,
  interruption: () => Error,
): AsyncGenerator<Chunk, void, undefined> {
  const iterator = input[Symbol.asyncIterator]();
  let refuse = (_error: Error) => {};
  const interrupt = () => refuse(interruption());
  signal.addEventListener('abort', interrupt, { once: true });
  let isDone = false;
  try {
    for (;;) {
      if (signal.aborted) throw interruption();
      const next = await new Promise<IteratorResult<Chunk>>((resolve, reject) => {
        refuse = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) {
        isDone = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', interrupt);
    // Not waited for: an input that waits for its writer would never answer. It ends with the process.
    if (!isDone) iterator.return?.()?.catch(() => {});
  }
}
