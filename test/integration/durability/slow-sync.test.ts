/** appendfsync always on a slow disk. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/harness/engine.ts'
import { withNode } from '../../support/harness/in-process-node.ts'

test("messages that wait for a sync count towards a subscriber's output buffer limit", () =>
  withNode({ appendfsync: 'always', 'client-output-buffer-limit': 'pubsub 100000 0 0' }, async ({ node, client, other }) => {
    assert.equal(await other.call('SUBSCRIBE', 'channel'), ['subscribe', 'channel', 1])
    let isClosed = false
    void other.closed.then(() => {
      isClosed = true
    })
    const { binlog } = node.parts.storage
    const syncTo = binlog.syncTo.bind(binlog)
    let goOn = () => {}
    const going = new Promise<void>((resolve) => {
      goOn = resolve
    })
    binlog.syncTo = (offset) => going.then(() => syncTo(offset))
    binlog.sync = () => {}
    client.raw(Buffer.from('SET a 1\r\n'))
    const { offset } = binlog.end
    await until(() => binlog.end.offset > offset, 'the write')
    for (let i = 0; i < 20; i++) {
      client.raw(Buffer.from(`PUBLISH channel ${'x'.repeat(10_000)}\r\n`))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await until(() => isClosed, 'the end of the subscriber')
    Reflect.deleteProperty(binlog, 'sync')
    goOn()
    assert.is(await client.reply(), 'OK')
    assert.ok(binlog.synced > offset)
  }))

test.run()
