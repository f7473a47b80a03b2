/** What this project uses of the npm package redis-parser 3, which brings no types. */
declare module 'redis-parser' {
  /** Of RESP2. With `returnBuffers`, simple and bulk strings are Buffers: parts of what was passed in, or of a pool. */
  export type ParsedReply = number | null | Buffer | Error | ParsedReply[]

  export default class RedisParser {
    constructor(options: {
      returnReply(reply: Exclude<ParsedReply, Error>): void
      /** An error reply; those within arrays are given to `returnReply`. */
      returnError(error: Error): void
      /** What came is not RESP. The parser is of no use any more. */
      returnFatalError(error: Error): void
      returnBuffers: true
    })
    execute(data: Buffer): void
  }
}
