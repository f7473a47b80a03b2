/**
 * Commands that run only if the configuration allows them: for everyone, or for clients of this
 * machine.
 */

import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { Session } from '../contract/session.ts'
import { isToken } from '../parsing/args.ts'

/**
 * Throws Redis's text unless `enable-debug-command` or `enable-module-command` allows the command
 * to the session.
 */
export function requireEnabled({ server, session }: Context, command: 'DEBUG' | 'MODULE'): void {
  const key = command === 'DEBUG' ? 'enable-debug-command' : 'enable-module-command'
  const setting = server.config.text(key)
  if (isToken(setting, 'yes') || (isToken(setting, 'local') && isLocal(session))) return
  throw clientError(
    `ERR ${command} command not allowed. If the ${key} option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`,
  )
}

/** True for loopback and for a Unix socket, whose address is its path and port 0. */
function isLocal({ address }: Session): boolean {
  return address.startsWith('127.') || address.startsWith('[::1]:') || address.startsWith('/') || address.endsWith(':0')
}
