/** Errors that a client can cause, with Redis's texts. */
import type { Bytes } from '../../base/bytes.ts'
import { ClientError } from '../../base/client-error.ts'

export { ClientError } from '../../base/client-error.ts'

/** Creates a ClientError without the cost of a stack trace. */
export function clientError(text: Bytes): ClientError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new ClientError(text)
  Error.stackTraceLimit = limit
  return error
}

/** These texts are also sent or shown without being thrown. */
export const READ_ONLY_TEXT = "READONLY You can't write against a read only replica."
export const LOADING_TEXT = 'LOADING Redis is loading the dataset in memory'
export const UNBLOCKED_BY_CLIENT_TEXT = 'UNBLOCKED client unblocked via CLIENT UNBLOCK'
export const UNBLOCKED_BY_ROLE_TEXT = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

export const syntaxError = () => clientError('ERR syntax error')
export const wrongType = () => clientError('WRONGTYPE Operation against a key holding the wrong kind of value')
export const noSuchKey = () => clientError('ERR no such key')
export const notAnInteger = () => clientError('ERR value is not an integer or out of range')
export const notAFloat = () => clientError('ERR value is not a valid float')
export const stringTooLong = () => clientError('ERR string exceeds maximum allowed size (proto-max-bulk-len)')
export const wrongArity = (name: Bytes) => clientError(`ERR wrong number of arguments for '${name}' command`)
export const valueOutOfRange = () => clientError('ERR value is out of range')
export const notPositive = () => clientError('ERR value is out of range, must be positive')
export const belowLongRange = () =>
  clientError('ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807')
export const databaseOutOfRange = () => clientError('ERR DB index is out of range')
export const incrementOverflows = () => clientError('ERR increment or decrement would overflow')
export const incrementNotFinite = () => clientError('ERR increment would produce NaN or Infinity')
export const notAKeyCount = () => clientError('ERR numkeys should be greater than 0')
export const tooManyKeys = () => clientError("ERR Number of keys can't be greater than number of args")
export const notAnElementCount = () => clientError('ERR count should be greater than 0')
export const wrongPayload = () => clientError('ERR DUMP payload version or checksum are wrong')
export const notAResultCount = () => clientError('ERR COUNT must be > 0')
export const negativeLimit = () => clientError("ERR LIMIT can't be negative")
export const invalidExpireTime = (command: Bytes) => clientError(`ERR invalid expire time in '${command}' command`)
export const unknownSubcommand = (name: Bytes, command: Bytes) =>
  clientError(`ERR unknown subcommand '${name.slice(0, 128)}'. Try ${command.toUpperCase()} HELP.`)
/**
 * Error for a container's subcommand with the wrong number of words, if the table's arity cannot
 * express the rule.
 */
export const wrongSubcommandWords = (container: Bytes, subcommand: Bytes) =>
  clientError(`ERR unknown subcommand or wrong number of arguments for '${subcommand.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`)
