/** Runs logged commands again, in recovery and on a replica. */
import type { Bytes } from '../../base/bytes.ts'
import type { Args } from '../contract/command.ts'
import type { Client } from '../contract/session.ts'
import type { Shared } from './shared.ts'
import { isUnitMark } from './unit.ts'

/** Runs a logged command again. Throws if it fails: it has succeeded once. */
export function replay(
  { context, group, keyspace, runtimes, tracking }: Pick<Shared, 'context' | 'group' | 'keyspace' | 'runtimes' | 'tracking'>,
  client: Client,
  args: Bytes[],
): void {
  if (isUnitMark(args)) return // a group is replayed whole, so it needs no marks
  const run = runtimes.resolve(args)?.command.run
  if (run === undefined) throw new Error(`the binlog holds a command that is unknown or cannot be replayed: ${args[0]}`)
  context.prepare(client, keyspace.database(client.database))
  context.mayBlock = false
  context.mayChange = true
  const before = keyspace.changes
  run(context, args as unknown as Args)
  if (keyspace.changes !== before) context.countOnce()
  if (tracking.isActive) tracking.invalidateAllIfNeeded()
  context.mayBlock = true
  group.reset()
}
