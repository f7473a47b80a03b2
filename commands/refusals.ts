/** Requests that are not run, and what is answered to them: Redis's texts. */
import { type Bytes, lowerCase } from '../storage/bytes.ts'

export const onlyForSubscribers = (name: Bytes): Bytes =>
  `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`

/** Whether a request is a line of HTTP: of a POST request, the first words that can be met. */
export function isHttp(name: Bytes): boolean {
  const word = lowerCase(name)
  return word === 'post' || word === 'host:'
}

/** The name and the arguments, each cut to 128 bytes in all. */
export function unknownCommand(args: readonly Bytes[]): Bytes {
  const name = (args[0] as Bytes).slice(0, 128)
  let shown = ''
  for (const word of args.slice(1)) {
    if (shown.length >= 128) break
    shown += `'${word.slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${name}', with args beginning with: ${shown}`
}
