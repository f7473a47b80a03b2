/**
 * `maxclients` and the limit on open files: lowered at the start, and refused by CONFIG SET with
 * Redis's text.
 */
import type { Log } from '../../base/log.ts'
import { keepBelow } from '../config/ceiling.ts'
import type { Config } from '../config/config.ts'
import type { FileBudget } from './open-files.ts'

/**
 * Lowers maxclients to the limit's room, and keeps CONFIG SET within it. Throws if there is no room
 * for any client.
 */
export function limitMaxClients(config: Config, budget: FileBudget, log: Log): void {
  const wanted = config.number('maxclients')
  const { limit } = budget
  if (budget.clientsFor(wanted) < 1) {
    const least = budget.filesFor(1)
    throw new Error(`the limit on open files is ${limit} and leaves no room for clients: raise it to ${least} or more (ulimit -n)`)
  }
  keepBelow(config, log, {
    name: 'maxclients',
    allowed: (clients) => budget.clientsFor(clients),
    refusal: (clients) => `The operating system is not able to handle the specified number of clients, try with ${clients}`,
    why: `the limit on open files is ${limit}; ${wanted} clients need ${budget.filesFor(wanted)} (ulimit -n)`,
    fields: { openFilesLimit: limit },
  })
}
