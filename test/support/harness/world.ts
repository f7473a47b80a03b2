/** A node within the test's process, whose inside the test may look at and spoil, and two clients of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../base/clock.ts'
import { Config } from '../../../server/config/config.ts'
import { createLogger } from '../../../server/logging/log.ts'
import { Node } from '../../../server/node.ts'
import { systemError } from '../disks/file-faults.ts'
import { WireClient } from '../servers/wire-client.ts'

export interface World {
  readonly node: Node
  readonly client: WireClient
  readonly other: WireClient
}

export async function inWorld(
  settings: Readonly<Record<string, string>>,
  run: (world: World) => Promise<void>,
  clock: Clock = systemClock,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'haypile-world-'))
  const config = new Config()
  config.load(Object.entries({ port: '0', dir, loglevel: 'nothing', ...settings }))
  const node = await Node.start({ config, log: createLogger(config), clock, anyPort: true, exit: () => {} })
  const [client, other] = await Promise.all([WireClient.connect({ port: node.port }), WireClient.connect({ port: node.port })])
  try {
    await run({ node, client, other })
  } finally {
    await Promise.all([client.close(), other.close(), node.close('nosave', 'now')]) // a client may wait for what never comes
    rmSync(dir, { recursive: true })
  }
}

/** From now on nothing can be appended to the binlog, until the function that is returned is called. */
export function stallBinlog({ engine }: Node): () => void {
  const { binlog } = engine
  binlog.append = () => {
    throw systemError('EIO', 'write', 'binlog')
  }
  return () => {
    Reflect.deleteProperty(binlog, 'append')
  }
}

/** From now on a turn keeps its reading of the clock however long it takes: one group a turn. */
export function keepReadings({ engine: { keyspace } }: Node): void {
  keyspace.readAtMs = Number.POSITIVE_INFINITY
  keyspace.readClock = (clock) => keyspace.setClock(clock.wallMs())
}

/** Walks of the keys wait for the disk until the function that is returned is called. */
export function holdWalks({ node }: World): () => void {
  const { records } = node.engine.keyspace
  let goOn = () => {}
  const going = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const iterate = records.iterate.bind(records)
  records.iterate = (range) => {
    const iterator = iterate(range)
    return { next: (count) => going.then(() => iterator.next(count)), close: () => iterator.close() }
  }
  return () => {
    Reflect.deleteProperty(records, 'iterate')
    goOn()
  }
}
