/**
 * Error texts for requests that are refused, and recognition of clients that expect another kind of
 * server.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'

export const onlyForSubscribers = (name: Bytes): Bytes =>
  `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`

/**
 * True for a word that begins a line of HTTP, POST or `Host:`. Its sender is a browser or similar.
 */
export function isHttp(name: Bytes): boolean {
  const word = lowerCase(name)
  return word === 'post' || word === 'host:'
}

/**
 * Returns the error for an unknown command. Shows at most 128 bytes of the name, and at most 128
 * bytes of the arguments together.
 */
export function unknownCommand(args: readonly Bytes[]): Bytes {
  const name = must(args[0]).slice(0, 128)
  let shown = ''
  for (const word of args.slice(1)) {
    if (shown.length >= 128) break
    shown += `'${word.slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${name}', with args beginning with: ${shown}`
}
