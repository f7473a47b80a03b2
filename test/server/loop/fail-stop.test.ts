/** A command that breaks after a change ends the process before anything is written. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../base/clock.ts'
import { Config } from '../../../server/config/config.ts'
import { createLogger } from '../../../server/logging/log.ts'
import { Node } from '../../../server/node.ts'
import { until } from '../../support/harness/engine.ts'
import { WireClient, WireError } from '../../support/servers/wire-client.ts'

async function nodeIn(dir: string): Promise<{ node: Node; statuses: number[] }> {
  const config = new Config()
  config.load([
    ['port', '0'],
    ['dir', dir],
    ['loglevel', 'nothing'],
  ])
  const statuses: number[] = []
  const node = await Node.start({
    config,
    log: createLogger(config),
    clock: systemClock,
    zeroPort: 'any',
    exit: (status) => statuses.push(status),
  })
  return { node, statuses }
}

test('a command that throws after a change ends the process, and nothing of it is logged', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'haypile-fail-stop-'))
  const { node, statuses } = await nodeIn(dir)
  const client = await WireClient.connect({ port: node.port })
  assert.is(await client.call('SET', 'a', '1'), 'OK')
  const { offset } = node.parts.storage.binlog.end
  const db = node.parts.storage.keyspace.database(0)
  db.find = () => {
    throw new Error('a record fails its CRC')
  }
  assert.instance(await client.call('GET', 'a'), WireError)
  assert.equal(statuses, [], 'nothing had been changed')
  db.find = (key) => {
    db.remove(db.lookup(key) as NonNullable<ReturnType<typeof db.lookup>>)
    throw new Error('a record fails its CRC')
  }
  void client.call('APPEND', 'a', '2').catch(() => {})
  await until(() => statuses.length > 0, 'the end')
  assert.equal(statuses, [1])
  node.parts.turn.end()
  assert.is(node.parts.storage.binlog.end.offset, offset)
  await client.close()
  await node.close('nosave', 'immediate')
  const again = await nodeIn(dir)
  assert.is(again.node.parts.storage.keyspace.database(0).lookup('a')?.value, '1')
  await again.node.close('nosave', 'immediate')
  rmSync(dir, { recursive: true })
})

test.run()
