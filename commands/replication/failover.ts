/** FAILOVER: this node hands its role over to one of its replicas. */
import type { Bytes } from '../../base/bytes.ts'
import { type Command, command } from '../contract/command.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { FailoverOptions } from '../contract/ports.ts'
import { OK } from '../contract/reply.ts'
import { hostOf, isToken, Options, requireInteger } from '../parsing/args.ts'

/**
 * An explicit timeout of 0 is an error, as in Redis, so 0 means that no timeout was given. The port
 * checks that FORCE has `to` and a timeout, because it first checks that there are replicas.
 */
function readOptions(args: readonly Bytes[]): FailoverOptions {
  const options = new Options(args, 1)
  let to: FailoverOptions['to'] = null
  let isForced = false
  let timeoutMs = 0
  while (options.more) {
    if (timeoutMs === 0 && options.left >= 2 && options.take('timeout')) {
      timeoutMs = Number(requireInteger(options.value()))
      if (timeoutMs <= 0) throw clientError('ERR FAILOVER timeout must be greater than 0')
    } else if (to === null && options.left >= 3 && options.take('to')) {
      const word = options.value()
      const host = hostOf(word) ?? word
      to = { host, port: Number(requireInteger(options.value())) }
    } else if (!isForced && options.take('force')) isForced = true
    else throw syntaxError()
  }
  return { to, isForced, timeoutMs }
}

const failover = command({
  name: 'failover',
  group: 'server',
  since: '6.2.0',
  summary: 'Starts a coordinated failover from a server to one of its replicas.',
  complexity: 'O(1)',
  syntax: 'FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]',
  arity: -1,
  flags: ['admin', 'noscript', 'stale'],
  run({ server, units }, args) {
    units.writeToGroup()
    if (args.length === 2 && isToken(args[1], 'abort')) server.replication.abortFailover()
    else server.replication.failover(readOptions(args))
    return OK
  },
})

export const failoverCommands: readonly Command[] = [failover]
