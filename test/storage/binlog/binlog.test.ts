/** The binlog: appending, rotating, syncing, reading and purging. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Log } from '../../../base/log.ts'
import { Binlog } from '../../../storage/binlog/binlog.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import { BinlogReader } from '../../../storage/binlog/reader.ts'
import { type BinlogSettings, listSegments } from '../../../storage/binlog/segments.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { nextTurn } from '../../support/harness/engine.ts'

const DIRECTORY = '/binlog'
const silent = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log

interface Made {
  readonly files: MemoryFiles
  readonly binlog: Binlog
  readonly fatal: unknown[]
  readonly group: OpenGroup
  write(...words: string[]): void
}

function made(
  settings: Partial<BinlogSettings> = {},
  files = new MemoryFiles({ directories: [DIRECTORY], random: fromSeed(7).random }),
): Made {
  const fatal: unknown[] = []
  const group = new OpenGroup()
  const binlog = new Binlog({
    files,
    directory: DIRECTORY,
    settings: { fileSizeBytes: 2 ** 30, retentionBytes: 0, retentionMs: 0, ...settings },
    segments: [],
    position: { offset: 0, crc: 0 },
    synced: 0,
    replicationId: 'abcdef0123456789abcdef0123456789abcdef01',
    log: silent,
    fatal: (error) => fatal.push(error),
    onSynced() {},
  })
  const write = (...words: string[]) => {
    group.command(0, words)
    binlog.append(group, 1_700_000_000_000)
    group.reset()
  }
  return { files, binlog, fatal, group, write }
}

/** Returns the commands of every whole group, and how the log ends. */
function read(files: MemoryFiles): { readonly commands: string[]; readonly end: string; readonly offset: number } {
  const reader = new BinlogReader(files, listSegments(files, DIRECTORY), { offset: 0, crc: 0 })
  const commands: string[] = []
  for (;;) {
    const result = reader.next()
    if (result.type !== 'group') {
      reader.close()
      return { commands, end: result.type === 'end' ? 'end' : result.reason, offset: result.at.offset }
    }
    for (let start = 0; start < result.body.length; ) {
      const command = readCommand(result.body, start, result.body.length)
      assert.ok(command)
      commands.push(command.args.join(' '))
      start = command.end
    }
  }
}

test('appended commands of any size and database are read back, group by group', () => {
  const { files, binlog, group, write } = made()
  write('SET', 'a', '1')
  group.command(3, ['SET', 'b', 'x'.repeat(3 * 2 ** 20)])
  group.command(0, ['DEL', 'a'])
  group.deleted(2, 'c')
  binlog.append(group, 1)
  group.reset()
  write('SET', 'd', '4')
  const { commands, end, offset } = read(files)
  assert.equal(
    commands.map((command) => command.slice(0, 20)),
    ['SET a 1', 'SELECT 3', 'SET b xxxxxxxxxxxxxx', 'SELECT 0', 'DEL a', 'SELECT 2', 'DEL c', 'SELECT 0', 'SET d 4'],
  )
  assert.is(end, 'end')
  assert.is(offset, binlog.end.offset)
})

test('a rotation syncs the old segment, creates the new one and syncs the directory before the next append', async () => {
  const { files, binlog, write } = made({ fileSizeBytes: 500 })
  write('SET', 'a', 'x'.repeat(500))
  await nextTurn()
  await nextTurn()
  // While the sync of most of it is through, part of the old segment is not synced.
  write('SET', 'b', '1')
  files.holdSyncs()
  const order: string[] = []
  files.onOperation = (operation, path) => order.push(`${operation} ${path.split('/').pop()}`)
  write('SET', 'c', '1')
  write('SET', 'd', 'x'.repeat(500))
  const [first, second] = binlog.segments.map(({ path }) => path.split('/').pop())
  assert.equal(order.slice(0, 3), [`write ${second}`, `write ${second}`, `datasync ${second}`])
  assert.ok(first !== second)
  files.releaseSyncs()
  await nextTurn()
  await nextTurn()
  order.length = 0
  files.holdSyncs()
  write('SET', 'e', '1')
  write('SET', 'f', '1')
  const third = binlog.segments.at(-1)?.path.split('/').pop()
  assert.equal(order, [`open ${third}`, 'syncDirectory binlog', `write ${third}`, `write ${third}`])
})

test('a rotation syncs the bytes that its old segment gained since the last sync', async () => {
  const { files, binlog, write } = made({ fileSizeBytes: 500 })
  files.holdSyncs()
  write('SET', 'a', 'x'.repeat(500)) // rotation due; most of the segment is being synced
  write('SET', 'b', '1')
  files.releaseSyncs()
  await nextTurn()
  await nextTurn()
  assert.ok(binlog.synced < binlog.end.offset)
  const order: string[] = []
  files.onOperation = (operation, path) => order.push(`${operation} ${path.split('/').pop()}`)
  write('SET', 'c', '1')
  const [old, young] = binlog.segments.map(({ path }) => path.split('/').pop())
  assert.equal(order, [`datasync ${old}`, `open ${young}`, 'syncDirectory binlog', `write ${young}`])
  assert.is(binlog.synced, binlog.segments[1]?.start)
})

test('a group that did not fit is cut off again, and the log continues without it', () => {
  for (let seed = 0; seed < 20; seed++) {
    const files = new MemoryFiles({ directories: [DIRECTORY], random: fromSeed(seed).random })
    const { binlog, group, write } = made({}, files)
    write('SET', 'a', '1')
    const before = binlog.end
    files.fail({ operation: 'write', code: 'ENOSPC', isShortWrite: true })
    if (seed % 2 === 0) files.fail({ operation: 'truncate', code: 'EIO' })
    assert.throws(() => write('SET', 'b', 'x'.repeat(10_000)), /ENOSPC/)
    assert.equal(binlog.end, before)
    group.reset()
    write('SET', 'c', '3')
    assert.equal(read(files).commands, ['SET a 1', 'SET c 3'])
    group.command(1, ['SET', 'd', '4'])
    files.fail({ operation: 'write', code: 'ENOSPC', isShortWrite: true })
    assert.throws(() => binlog.append(group, 1))
    binlog.append(group, 1) // the same group again
    assert.equal(read(files).commands.slice(2), ['SELECT 1', 'SET d 4', 'SELECT 0'])
  }
})

test('a rotated segment ends where the next begins, even after a failed write and a power loss', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const files = new MemoryFiles({ directories: [DIRECTORY], random: fromSeed(seed).random })
    const { binlog, write } = made({ fileSizeBytes: 500 }, files)
    files.holdSyncs()
    write('SET', 'a', 'x'.repeat(500)) // rotation due, once the segment is synced
    files.fail({ operation: 'write', code: 'ENOSPC', isShortWrite: true })
    if (seed % 2 === 0) files.fail({ operation: 'truncate', code: 'EIO' })
    assert.throws(() => binlog.appendGroups(Buffer.alloc(10_000), { offset: binlog.end.offset + 10_000, crc: 0 }, 1, 1), /ENOSPC/)
    files.releaseSyncs()
    await nextTurn()
    await nextTurn()
    write('SET', 'b', '2')
    binlog.syncNow()
    assert.is(binlog.segments.length, 2)
    assert.equal(read(files.crash(fromSeed(seed).random)), {
      commands: [`SET a ${'x'.repeat(500)}`, 'SET b 2'],
      end: 'end',
      offset: binlog.end.offset,
    })
  }
})

test('a sync request joins a running sync that covers its bytes', async () => {
  const { binlog, write } = made()
  write('SET', 'a', '1')
  const first = binlog.syncTo(binlog.end.offset)
  binlog.sync()
  await first
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve))
  assert.is(binlog.syncs, 1)
  write('SET', 'a', '2')
  binlog.sync()
  write('SET', 'a', '3')
  await binlog.syncTo(binlog.end.offset)
  assert.is(binlog.syncs, 3, 'bytes after its beginning need another sync')
})

test('a failed sync is fatal once and never retried, and nothing is appended after it', async () => {
  const { files, binlog, fatal, write } = made()
  write('SET', 'a', '1')
  let syncs = 0
  files.onOperation = (operation) => {
    if (operation === 'datasync') syncs++
  }
  files.fail({ operation: 'datasync', code: 'EIO' })
  let passed = false
  void binlog.syncTo(binlog.end.offset).then(() => {
    passed = true
  })
  for (let turns = 0; turns < 5; turns++) await nextTurn()
  binlog.sync()
  assert.throws(() => write('SET', 'b', '1'), /could not be synced/)
  binlog.sync()
  for (let turns = 0; turns < 5; turns++) await nextTurn()
  assert.is(fatal.length, 1)
  assert.is(syncs, 1)
  assert.is(binlog.synced, 0)
  assert.not.ok(passed)
})

test('a failed sync at a rotation is fatal once, for the old segment and for the directory', async () => {
  for (const operation of ['datasync', 'syncDirectory'] as const) {
    const { files, binlog, fatal, write } = made({ fileSizeBytes: 500 })
    files.holdSyncs()
    write('SET', 'a', 'x'.repeat(500))
    write('SET', 'b', '1')
    files.releaseSyncs()
    await nextTurn()
    await nextTurn()
    const before = binlog.end
    files.fail({ operation, code: 'EIO' })
    assert.throws(() => write('SET', 'c', '1'), /EIO/)
    assert.throws(() => write('SET', 'c', '1'), /could not be synced/)
    assert.is(fatal.length, 1)
    assert.equal(binlog.end, before)
  }
})

test('a segment that cannot be created stops the log until it can', async () => {
  const { files, binlog, fatal, group, write } = made({ fileSizeBytes: 100 })
  write('SET', 'a', 'x'.repeat(100))
  await nextTurn()
  await nextTurn()
  files.fail({ operation: 'open', code: 'EMFILE', times: 2 })
  assert.throws(() => write('SET', 'b', '2'), /EMFILE/)
  assert.throws(() => binlog.append(group, 1), /EMFILE/)
  binlog.append(group, 1)
  assert.is(binlog.segments.length, 2)
  assert.equal(read(files).commands.at(-1), 'SET b 2')
  assert.equal(fatal, [])
})

test('the chain tells histories of equal lengths apart', () => {
  const [one, two] = [made(), made()]
  one.write('SET', 'a', '1')
  two.write('SET', 'a', '2')
  one.write('SET', 'b', '1')
  two.write('SET', 'b', '1')
  assert.is(one.binlog.end.offset, two.binlog.end.offset)
  assert.not.equal(one.binlog.end.crc, two.binlog.end.crc)
  // The second group of one history behind the first of the other.
  const path = listSegments(one.files, DIRECTORY)[0]?.path as string
  const half = one.binlog.end.offset / 2
  const theirs = two.files.openSync(path, 'read').readSync(half, half)
  one.files.openSync(path, 'update').writeSync([theirs], half)
  const { commands, end, offset } = read(one.files)
  assert.equal(commands, ['SET a 1'])
  assert.is(end, 'group does not continue the previous one')
  assert.is(offset, half)
})

test('any changed byte ends the log at its group', () => {
  const { files, binlog, write } = made()
  write('SET', 'a', '1')
  const start = binlog.end.offset
  write('SET', 'b', '2')
  const path = binlog.segments[0]?.path as string
  for (let at = start; at < binlog.end.offset; at++) {
    const file = files.openSync(path, 'update')
    const byte = file.readSync(at, 1)
    file.writeSync([Buffer.from([(byte[0] as number) ^ 1])], at)
    const { commands, end, offset } = read(files)
    assert.equal(commands, ['SET a 1'], `byte ${at}`)
    assert.is.not(end, 'end')
    assert.is(offset, start)
    file.writeSync([byte], at)
  }
  assert.is(read(files).end, 'end')
})

test('retention keeps what recovery or a pin needs, and otherwise goes by size and age', async () => {
  const { files, binlog, write } = made({ fileSizeBytes: 300, retentionBytes: 0, retentionMs: 0 })
  for (let i = 0; i < 6; i++) {
    write('SET', 'a', 'x'.repeat(300))
    await nextTurn()
    await nextTurn()
  }
  const starts = binlog.segments.map(({ start }) => start)
  const now = 1_700_000_000_000
  assert.is(starts.length, 6)
  assert.is(binlog.purge(starts[1] as number, Number.POSITIVE_INFINITY, now + 1), 1, 'up to the checkpoint')
  assert.is(binlog.purge(Number.POSITIVE_INFINITY, starts[2] as number, now + 1), 1, 'up to a pin')
  binlog.settings.retentionMs = 1000
  binlog.settings.retentionBytes = 2 ** 30
  assert.is(binlog.purge(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, now + 1000), 0, 'young and small enough')
  assert.is(binlog.purge(Number.POSITIVE_INFINITY, starts[3] as number, now + 1001), 1, 'too old')
  binlog.settings.retentionBytes = binlog.end.offset - (starts[4] as number)
  assert.is(binlog.purge(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, now), 1, 'too large')
  assert.is(binlog.purge(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, now, 'none'), 1, 'no room; the last segment stays')
  assert.equal(
    listSegments(files, DIRECTORY).map(({ start }) => start),
    [starts[5]],
  )
})

test('a power loss during a purge leaves no gap in the log', async () => {
  const chance = fromSeed(3)
  for (let round = 0; round < 40; round++) {
    const { files, binlog, write } = made({ fileSizeBytes: 300 })
    for (let i = 0; i < 6; i++) {
      write('SET', 'a', 'x'.repeat(300))
      await nextTurn()
      await nextTurn()
    }
    let operations = chance.integer(12)
    let crashed: MemoryFiles | undefined
    files.onOperation = () => {
      if (operations-- === 0) crashed = files.crash(chance.random)
    }
    binlog.purge(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 2 ** 41)
    const segments = listSegments(crashed ?? files.crash(chance.random), DIRECTORY)
    for (const [index, segment] of segments.entries()) if (index > 0) assert.is(segment.start, segments[index - 1]?.end)
  }
})

test.run()
