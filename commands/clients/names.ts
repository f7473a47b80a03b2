import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import { clientError } from '../contract/errors.ts'

/**
 * Client names are printable ASCII without blanks, because CLIENT LIST separates its fields with
 * blanks.
 */
const PRINTABLE = /^[!-~]*$/

/**
 * Returns a connection name, detached for storage; empty removes it. Throws CLIENT SETNAME's error.
 */
export function requireClientName(name: Bytes): Bytes {
  return requirePrintable(name, 'Client names')
}

/** `what` begins the sentence of the error. */
export function requirePrintable(value: Bytes, what: Bytes): Bytes {
  if (!PRINTABLE.test(value)) throw clientError(`ERR ${what} cannot contain spaces, newlines or special characters.`)
  return detached(value)
}
