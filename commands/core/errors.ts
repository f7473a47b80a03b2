import type { Bytes } from '../../base/bytes.ts'

/**
 * What a client can cause. The message is Redis's exact error text with its code word first ("WRONGTYPE Operation against ..."). Thrown
 * by commands before they change anything, turned into a reply by the executor.
 */
export class ClientError extends Error {
  override readonly name = 'ClientError'
}

/** A ClientError without the cost of a stack trace. */
export function clientError(text: Bytes): ClientError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new ClientError(text)
  Error.stackTraceLimit = limit
  return error
}

export const syntaxError = () => clientError('ERR syntax error')
export const wrongType = () => clientError('WRONGTYPE Operation against a key holding the wrong kind of value')
export const noSuchKey = () => clientError('ERR no such key')
export const notAnInteger = () => clientError('ERR value is not an integer or out of range')
export const notAFloat = () => clientError('ERR value is not a valid float')
export const stringTooLong = () => clientError('ERR string exceeds maximum allowed size (proto-max-bulk-len)')
export const wrongArity = (name: Bytes) => clientError(`ERR wrong number of arguments for '${name}' command`)
export const invalidExpireTime = (command: Bytes) => clientError(`ERR invalid expire time in '${command}' command`)
export const unknownSubcommand = (name: Bytes, command: Bytes) =>
  clientError(`ERR unknown subcommand '${name.slice(0, 128)}'. Try ${command.toUpperCase()} HELP.`)
/** Of a container's subcommand, where the table's arity cannot say it. */
export const wrongSubcommandWords = (container: Bytes, subcommand: Bytes) =>
  clientError(`ERR unknown subcommand or wrong number of arguments for '${subcommand.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`)
