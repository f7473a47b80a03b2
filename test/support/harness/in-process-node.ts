/**
 * A node within the test's process, whose internals the test may read and break, and two clients of
 * it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../base/clock.ts'
import { Config } from '../../../server/config/config.ts'
import { createLogger } from '../../../server/logging/log.ts'
import { Node } from '../../../server/node.ts'
import { systemError } from '../disks/file-faults.ts'
import { WireClient } from '../servers/wire-client.ts'

export interface NodeWithClients {
  readonly node: Node
  readonly client: WireClient
  readonly other: WireClient
}

export async function withNode(
  settings: Readonly<Record<string, string>>,
  run: (world: NodeWithClients) => Promise<void>,
  clock: Clock = systemClock,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'haypile-node-'))
  const config = new Config()
  config.load(Object.entries({ port: '0', dir, loglevel: 'nothing', ...settings }))
  const node = await Node.start({ config, log: createLogger(config), clock, zeroPort: 'any', exit: () => {} })
  const [client, other] = await Promise.all([WireClient.connect({ port: node.port }), WireClient.connect({ port: node.port })])
  try {
    await run({ node, client, other })
  } finally {
    // A client may wait for a reply that never comes.
    await Promise.all([client.close(), other.close(), node.close('nosave', 'immediate')])
    rmSync(dir, { recursive: true })
  }
}

/** Makes appends to the binlog fail until the returned function is called. */
export function stallBinlog({ parts: { storage } }: Node): () => void {
  const { binlog } = storage
  binlog.append = () => {
    throw systemError('EIO', 'write', 'binlog')
  }
  return () => {
    Reflect.deleteProperty(binlog, 'append')
  }
}

/**
 * Makes each turn keep its reading of the clock for its whole length, so that a turn is one group.
 */
export function keepReadings({ parts: { storage } }: Node): void {
  const { keyspace } = storage
  keyspace.readAtMs = Number.POSITIVE_INFINITY
  keyspace.readClock = (clock) => keyspace.setClock(clock.wallMs())
}

/** Makes key walks wait for the disk until the returned function is called. */
export function holdWalks({ node }: NodeWithClients): () => void {
  const { records } = node.parts.storage.keyspace
  let goOn = () => {}
  const going = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const iterate = records.iterate.bind(records)
  const iterateKeys = records.iterateKeys.bind(records)
  records.iterate = (range) => {
    const iterator = iterate(range)
    return { next: (count) => going.then(() => iterator.next(count)), close: () => iterator.close() }
  }
  records.iterateKeys = (range, form) => {
    const iterator = iterateKeys(range, form)
    return { next: (count) => going.then(() => iterator.next(count)), close: () => iterator.close() }
  }
  return () => {
    Reflect.deleteProperty(records, 'iterate')
    Reflect.deleteProperty(records, 'iterateKeys')
    goOn()
  }
}
