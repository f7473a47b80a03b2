/** Applying a batch of groups: appended first, then run, all or nothing. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { applyBatch, type LinkReplayer } from '../../../replication/replica/applier.ts'
import { type GroupBatch, GroupStream } from '../../../replication/replica/group-stream.ts'
import { replayer } from '../../../server/wiring/replay-client.ts'
import { BINLOG_DIRECTORY, Disk, Engine, type EngineOptions } from '../../support/harness/engine.ts'
import { encoded, type Group, groupOf, groupOfBody, groupsOf, START } from '../../support/replication/groups.ts'

const NOW = 1_700_000_000_000

async function replica(options: EngineOptions = {}): Promise<Engine> {
  const engine = await Engine.open(new Disk(), options)
  engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
  engine.storage.beginTurn()
  return engine
}

const replaying = (engine: Engine) => replayer(engine.executor, engine.storage.keyspace)
const applied = (engine: Engine, batch: GroupBatch, by: LinkReplayer = replaying(engine)) => applyBatch(engine.storage, by, batch)

function batchOf(...groups: readonly Group[]): GroupBatch {
  const bytes = Buffer.concat(groups.map((group) => group.bytes))
  const first = (groups[0] as Group).end.offset - (groups[0] as Group).bytes.length
  const [item] = new GroupStream(first).push(bytes)
  if (item?.type !== 'groups') throw new Error('no batch')
  return item.batch
}

/** Returns the state that a refused batch must leave unchanged. */
function standing({ storage, client }: Engine) {
  const { end, sizeBytes } = storage.binlog
  return {
    end,
    sizeBytes,
    keys: storage.keyspace.keyCount,
    expiry: storage.keyspace.expiryMode,
    now: storage.keyspace.nowMs,
    last: client.last,
  }
}

function content(engine: Engine): Buffer {
  const { files } = engine.disk
  return Buffer.concat(
    files.listSync(BINLOG_DIRECTORY).map((name) => {
      const file = files.openSync(`${BINLOG_DIRECTORY}/${name}`, 'read')
      const bytes = file.readSync(0, file.sizeSync())
      file.closeSync()
      return bytes
    }),
  )
}

test("a master's groups are appended byte for byte by one write and run", async () => {
  const engine = await replica()
  const groups = groupsOf(START, [
    [['SET', 'a', '1']],
    [
      ['INCRBY', 'a', '41'],
      ['SELECT', '1'],
      ['SET', 'b', 'x'],
      ['SELECT', '0'],
    ],
    [['SET', 'c', '']],
  ])
  let writes = 0
  engine.disk.files.onOperation = (operation, path) => {
    if (operation === 'write' && path.startsWith(BINLOG_DIRECTORY)) writes++
  }
  assert.equal(applied(engine, batchOf(...groups)), { type: 'applied' })
  engine.disk.files.onOperation = undefined
  assert.is(writes, 1)
  assert.equal(engine.storage.binlog.end, groups.at(-1)?.end)
  assert.ok(content(engine).equals(Buffer.concat(groups.map((group) => group.bytes))))
  assert.is(engine.run('GET', 'a'), '42')
  assert.is(engine.runIn(1, 'GET', 'b'), 'x')
  assert.is(engine.storage.binlog.groupsWritten, 3)
  await engine.storage.close('save')
  const again = await Engine.open(engine.disk)
  assert.is(again.run('GET', 'a'), '42')
})

test("groups run under their own clocks without expiry, and the turn's clock is restored", async () => {
  const engine = await replica()
  const { keyspace } = engine.storage
  const clocks: number[] = []
  const modes = new Set<string>()
  const watched: LinkReplayer = {
    ...replaying(engine),
    command: (args) => {
      clocks.push(keyspace.nowMs)
      modes.add(keyspace.expiryMode)
      replaying(engine).command(args)
    },
  }
  const first = groupOf(START, [['SET', 'k', 'v', 'PXAT', String(NOW - 5000)]], NOW - 10_000)
  const second = groupOf(
    first.end,
    [
      ['SET', 'l', 'v', 'KEEPTTL'],
      ['APPEND', 'k', 'w'],
    ],
    NOW - 4000,
  )
  assert.equal(applied(engine, batchOf(first, second), watched), { type: 'applied' })
  assert.equal(clocks, [NOW - 10_000, NOW - 4000, NOW - 4000])
  assert.equal([...modes], ['ignore'])
  assert.is(keyspace.expiryMode, 'hide')
  assert.is(keyspace.nowMs, NOW)
  assert.is(engine.run('GET', 'k'), null, 'hidden')
  assert.is(keyspace.keyCount, 2, 'and not deleted')
})

test('a malformed, misplaced or unchained group is refused with everything behind it, and nothing changes', async () => {
  const engine = await replica()
  const [first, second, third] = groupsOf(START, [[['SET', 'a', '1']], [['SET', 'a', '2']], [['SET', 'a', '3']]]) as [Group, Group, Group]
  assert.equal(applied(engine, batchOf(first)), { type: 'applied' })
  const at = first.end.offset
  const flipped = Buffer.from(second.bytes)
  flipped[flipped.length - 3]! ^= 1
  const other = groupOf({ offset: at, crc: first.end.crc ^ 1 }, [['SET', 'a', '2']])
  const cases: readonly (readonly [GroupBatch, string, number])[] = [
    [batchOf({ ...second, bytes: flipped }), `a group that fails its CRC at offset ${at}`, at],
    [batchOf(other), `a group that does not continue the previous one at offset ${at}`, at],
    [batchOf(third), `a group whose head states offset ${second.end.offset} at offset ${at}`, at],
    [batchOf(first), `a group whose head states offset 0 at offset ${at}`, at],
    [
      batchOf(second, { ...third, bytes: Buffer.from(third.bytes).fill('x', third.bytes.length - 4, third.bytes.length - 3) }),
      `a group that fails its CRC at offset ${second.end.offset}`,
      second.end.offset,
    ],
    [
      batchOf(groupOfBody(first.end, Buffer.from('*1\r\n$4\r\nPI'))),
      `a command cut short in the group at offset ${at}, although its CRC is correct`,
      at,
    ],
    [
      batchOf(groupOfBody(first.end, Buffer.from('SET a 2\r\n'))),
      `malformed command: no * at 0 in the group at offset ${at}, although its CRC is correct`,
      at,
    ],
  ]
  const before = standing(engine)
  for (const [batch, reason, offset] of cases) {
    assert.equal(applied(engine, batch), { type: 'bad', offset, reason })
    assert.equal(standing(engine), before)
  }
  assert.equal(applied(engine, batchOf(second, third)), { type: 'applied' })
})

test('an unknown command anywhere in a batch is named, and the whole batch is refused', async () => {
  const engine = await replica()
  const before = standing(engine)
  const groups = groupsOf(START, [
    [['SET', 'a', '1']],
    [
      ['SET', 'a', '2'],
      ['FROBNICATE', 'a'],
    ],
  ])
  const result = applied(engine, batchOf(...groups))
  assert.is(result.type, 'refused')
  assert.match((result as { reason: string }).reason, /the command "FROBNICATE a", which this version does not know/)
  assert.equal(standing(engine), before)
  assert.is(engine.storage.identity.fullSync, null)
})

test('a batch that the disk has no room for is refused and releases the reserve; later it is applied', async () => {
  const engine = await replica({ reserveBytes: 64 * 1024 })
  const { files } = engine.disk
  assert.equal(applied(engine, batchOf(groupOf(START, [['SET', 'a', '1']]))), { type: 'applied' })
  const before = standing(engine)
  const batch = batchOf(groupOf(engine.storage.binlog.end, [['SET', 'b', 'x'.repeat(200_000)]]))
  files.capacityBytes = files.usedBytes + 1000
  const result = applied(engine, batch)
  assert.is(result.type, 'refused')
  assert.match((result as { reason: string }).reason, /^the binlog cannot be written: .*ENOSPC/)
  assert.equal(standing(engine), before)
  assert.ok(engine.storage.isDiskLow)
  files.capacityBytes = 2 ** 40
  assert.equal(applied(engine, batch), { type: 'applied' })
  assert.is(engine.run('STRLEN', 'b'), 200_000)
})

test('a failing command takes the whole batch back, and memory is distrusted', async () => {
  const engine = await replica()
  const { storage } = engine
  const good = groupOf(START, [['SET', 'a', '1']])
  assert.equal(applied(engine, batchOf(good)), { type: 'applied' })
  const groups = groupsOf(good.end, [
    [['SET', 'b', '1']],
    [
      ['SET', 's', 'text'],
      ['INCR', 's'],
    ],
  ])
  const result = applied(engine, batchOf(...groups))
  assert.is(result.type, 'broken')
  assert.match((result as { reason: string }).reason, /could not be applied: ERR value is not an integer/)
  assert.equal(storage.binlog.end, good.end)
  assert.is(storage.identity.fullSync, (result as { reason: string }).reason)
  assert.is(storage.keyspace.expiryMode, 'hide')
  assert.is(storage.keyspace.nowMs, NOW)
  await storage.close('save')
  const again = await Engine.open(engine.disk)
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.run('GET', 'b'), null, 'no checkpoint of the failed batch was made')
  assert.match(again.storage.identity.fullSync ?? '', /could not be applied/)
})

test('damage on disk while a batch runs also takes the batch back', async () => {
  const engine = await replica()
  const damaged = () => {
    throw new Error('record fails its CRC')
  }
  const result = applied(engine, batchOf(groupOf(START, [['SET', 'a', '1']])), { ...replaying(engine), command: damaged })
  assert.is(result.type, 'broken')
  assert.equal(engine.storage.binlog.end, START)
})

test('an empty group is appended', async () => {
  const engine = await replica()
  const empty = groupOfBody(START, Buffer.alloc(0))
  const next = groupOfBody(empty.end, encoded(['SET', 'a', '1']))
  assert.equal(applied(engine, batchOf(empty, next)), { type: 'applied' })
  assert.equal(engine.storage.binlog.end, next.end)
})

test.run()
