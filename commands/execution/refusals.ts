/**
 * Error texts for requests that are refused, and recognition of clients that expect another kind of
 * server.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'

export const onlyForSubscribers = (name: Bytes): Bytes =>
  `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`

/**
 * The sender of a request that is no command: a browser or similar (`http`), or a Redis that wants
 * to be a replica.
 */
export type Stranger = 'http' | 'redis'

/** Recognizes HTTP by the words that begin its lines: POST and `Host:`. */
export function strangerOf(name: Bytes): Stranger | null {
  const word = lowerCase(name)
  if (word === 'post' || word === 'host:') return 'http'
  return word === 'psync' || word === 'sync' ? 'redis' : null
}

/**
 * Returns the error for an unknown command. Shows at most 128 bytes of the name, and at most 128
 * bytes of the arguments together.
 */
export function unknownCommand(args: readonly Bytes[]): Bytes {
  const name = must(args[0]).slice(0, 128)
  if (strangerOf(name) === 'redis')
    return `ERR unknown command '${name}': this is a haypile, not a Redis, and only a haypile can be its replica`
  let shown = ''
  for (const word of args.slice(1)) {
    if (shown.length >= 128) break
    shown += `'${word.slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${name}', with args beginning with: ${shown}`
}
