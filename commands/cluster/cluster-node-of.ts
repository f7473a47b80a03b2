/** Checks of the commands about a cluster: a cluster, a node of one, a slot. */
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import type { ClusterNodePort } from '../contract/cluster.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import { integerOf } from '../parsing/args.ts'

/** Throws ClientError unless this server is in a cluster, possibly an emulated one. */
export function requireCluster({ server }: Context): void {
  if (server.cluster.mode === 'disabled') throw clientError('ERR This instance has cluster support disabled')
}

/** Returns this node of a cluster of several nodes. Throws ClientError if there is none. */
export function nodeOf(context: Context): ClusterNodePort {
  requireCluster(context)
  const { node } = context.server.cluster
  if (node === null) throw clientError('ERR This command is not possible in an emulated cluster: this node owns all slots')
  return node
}

/** Returns the slot that a word names. Throws ClientError. */
export function requireSlot(word: Bytes): number {
  const slot = integerOf(word)
  if (slot === null || slot < 0 || slot >= SLOTS) throw clientError('ERR Invalid or out of range slot')
  return Number(slot)
}
