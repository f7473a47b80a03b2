/** The types that this project uses of the npm package redis-parser 3, which has none. */
declare module 'redis-parser' {
  /**
   * A RESP2 reply. With `returnBuffers`, simple and bulk strings are Buffers: views of the input or
   * of a pool.
   */
  export type ParsedReply = number | null | Buffer | Error | ParsedReply[]

  export default class RedisParser {
    constructor(options: {
      returnReply(reply: Exclude<ParsedReply, Error>): void
      /** Called for an error reply. Errors within arrays go to `returnReply`. */
      returnError(error: Error): void
      /** Called if the input is not RESP. The parser cannot be used any more. */
      returnFatalError(error: Error): void
      returnBuffers: true
    })
    execute(data: Buffer): void
  }
}
