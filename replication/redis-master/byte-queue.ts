/** Bytes that wait for a reader, and the reader that waits for bytes. */
export class ByteQueue {
  sizeBytes = 0
  private buffers: Buffer[] = []
  private isStopped = false
  private resume: (() => void) | null = null

  push(bytes: Buffer): void {
    this.buffers.push(bytes)
    this.sizeBytes += bytes.length
    this.resumeReader()
  }

  /** Returns the next bytes, at most a number; undefined without any. */
  take(maxBytes = Number.POSITIVE_INFINITY): Buffer | undefined {
    const whole = this.buffers.shift()
    if (whole === undefined) return undefined
    const bytes = whole.subarray(0, maxBytes)
    if (bytes.length < whole.length) this.buffers.unshift(whole.subarray(bytes.length))
    this.sizeBytes -= bytes.length
    return bytes
  }

  takeAll(): Buffer {
    const bytes = Buffer.concat(this.buffers)
    this.buffers = []
    this.sizeBytes = 0
    return bytes
  }

  /** Resolves when bytes wait, or when the queue was stopped. */
  whenMore(): Promise<void> {
    if (this.isStopped || this.buffers.length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.resume = resolve
    })
  }

  /** Lets a reader that waits go on: no more bytes come. */
  stop(): void {
    this.isStopped = true
    this.resumeReader()
  }

  private resumeReader(): void {
    const { resume } = this
    this.resume = null
    resume?.()
  }
}
