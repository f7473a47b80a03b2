/** Scripts that take longer than busy-reply-threshold, beside everything that goes on meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../server/config.ts'
import { createLogger } from '../../server/log.ts'
import { Node } from '../../server/node.ts'
import { until } from '../support/engine.ts'
import { WireClient } from '../support/wire-client.ts'

const THRESHOLD_MS = 10
/** Goes on until it is killed or the test lets it end; what stands before is run once. */
const waiting = (before: string, after = "return 'done'") => `${before} while redis.call('EXISTS', 'end') == 0 do end ${after}`

interface World {
  readonly node: Node
  readonly client: WireClient
  readonly other: WireClient
}

async function inWorld(run: (world: World) => Promise<void>, ...settings: [string, string][]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'haypile-suspended-'))
  const config = new Config()
  config.load([['port', '0'], ['dir', dir], ['loglevel', 'nothing'], ['busy-reply-threshold', String(THRESHOLD_MS)], ...settings])
  const node = await Node.start({ config, log: createLogger(config), anyPort: true, exit: () => {} })
  const [client, other] = await Promise.all([WireClient.connect({ port: node.port }), WireClient.connect({ port: node.port })])
  try {
    await run({ node, client, other })
  } finally {
    await Promise.all([client.close(), other.close()])
    await node.close('nosave', 'now')
    rmSync(dir, { recursive: true })
  }
}

/** Lets a script end that waits for this key, behind everybody's back. */
function letEnd({ keyspace }: Node['engine']): void {
  const { changes } = keyspace
  keyspace.database(0).set('end', '1')
  keyspace.changes = changes
}

const isSuspended = ({ node }: World) => until(() => node.executor.units.isSuspended, 'the suspension')

test('after a script that was suspended, clients are blocked again where there is nothing for them', () =>
  inWorld(async (world) => {
    const { node, client, other } = world
    const reply = client.call('EVAL', waiting(''), '0')
    await isSuspended(world)
    letEnd(node.engine)
    assert.is(await reply, 'done')
    const popped = other.call('BLPOP', 'list', '0')
    await until(() => node.executor.blockedClients.count === 1, 'the blocked client')
    assert.is(await client.call('RPUSH', 'list', 'a'), 1)
    assert.equal(await popped, ['list', 'a'])
  }))

test.run()
