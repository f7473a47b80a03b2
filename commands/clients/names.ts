import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import { clientError } from '../core/errors.ts'

/** Names stand in the lines of CLIENT LIST between blanks: printable ASCII only, no blanks. */
const PRINTABLE = /^[!-~]*$/

/** A connection name, to be kept; empty for none. Throws what CLIENT SETNAME answers. */
export function requireClientName(name: Bytes): Bytes {
  return requirePrintable(name, 'Client names')
}

/** `what` begins the error's sentence. */
export function requirePrintable(value: Bytes, what: Bytes): Bytes {
  if (!PRINTABLE.test(value)) throw clientError(`ERR ${what} cannot contain spaces, newlines or special characters.`)
  return detached(value)
}
