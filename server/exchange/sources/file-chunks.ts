/** The bytes of a file in chunks, without garbage of a buffer for each of them. */
import { open } from 'node:fs/promises'
import { rethrowAssertion } from '../../../base/assert.ts'

export const CHUNK_BYTES = 1024 * 1024

/**
 * Yields the chunks of a file. Each is valid until the next is asked for. The file is read ahead by
 * one chunk, into the other one of two buffers.
 */
export async function* reusedChunksOf(path: string): AsyncGenerator<Buffer> {
  const file = await open(path)
  let free: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  const read = (buffer: Buffer) => {
    const reading = file.read(buffer, 0, CHUNK_BYTES)
    reading.catch(rethrowAssertion) // awaited below
    return reading
  }
  let next = read(Buffer.allocUnsafeSlow(CHUNK_BYTES))
  try {
    for (;;) {
      const { bytesRead, buffer } = await next
      if (bytesRead === 0) return
      next = read(free)
      yield buffer.subarray(0, bytesRead)
      free = buffer
    }
  } finally {
    await next.catch(rethrowAssertion)
    await file.close()
  }
}
