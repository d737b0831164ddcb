// Waits for a stream's first chunk before anything is decided about it.

/**
 * Reads the first chunk, so that what fails at once fails here, and gives back the whole stream.
 * @throws whatever the stream throws before its first chunk
 */
export async function peek(source: AsyncIterable<Buffer>): Promise<{ isEmpty: boolean; bytes: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  return { isEmpty: first.done === true, bytes: from(first, iterator) };
}

async function* from(first: IteratorResult<Buffer>, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
