/** The simulated file system fails operations on demand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { replaceFileSync } from '../../../base/files.ts'
import { seeded } from '../generators/seed.ts'
import { MemoryFiles, PAGE_BYTES } from './memory-files.ts'

/** The number of simulated crashes. It makes every expected outcome all but certain to occur. */
const CRASHES = 500

function failsWith(code: string): (error: Error) => boolean {
  return (error) => (error as NodeJS.ErrnoException).code === code
}

test('a rule fails a number of matching operations after a number of successes, until removed', () => {
  const files = new MemoryFiles()
  const log = files.openSync('/log', 'create')
  const other = files.openSync('/other', 'create')
  files.fail({ operation: 'write', path: /log$/, code: 'EIO', after: 1, times: 2 })
  const write = () => log.writeSync([Buffer.from('x')], 0)
  write()
  other.writeSync([Buffer.from('x')], 0)
  assert.throws(write, failsWith('EIO'))
  assert.throws(write, failsWith('EIO'))
  write()
  const lift = files.fail({ operation: 'write', code: 'ENOSPC', times: Number.POSITIVE_INFINITY })
  for (let i = 0; i < 5; i++) assert.throws(write, failsWith('ENOSPC'))
  lift()
  write()
})

test('every operation can be made to fail without an effect', () => {
  const files = new MemoryFiles({ directories: ['/d'] })
  const file = files.openSync('/d/a', 'create')
  file.writeSync([Buffer.from('abc')], 0)
  const operations = {
    open: () => files.openSync('/d/b', 'create'),
    read: () => file.readSync(0, 1),
    write: () => file.writeSync([Buffer.from('xyz')], 0),
    truncate: () => file.truncateSync(0),
    datasync: () => file.datasyncSync(),
    rename: () => files.renameSync('/d/a', '/d/b'),
    remove: () => files.removeSync('/d/a'),
    makeDirectory: () => files.makeDirectorySync('/d/e'),
    syncDirectory: () => files.syncDirectorySync('/d'),
    freeBytes: () => files.freeBytesSync('/d'),
  } as const
  for (const [operation, run] of Object.entries(operations)) {
    files.fail({ operation: operation as keyof typeof operations, code: 'EIO' })
    assert.throws(run, failsWith('EIO'), operation)
  }
  assert.equal(files.listSync('/d'), ['a'])
  assert.is(file.readSync(0, 10).latin1Slice(), 'abc')
})

test('a short write leaves a part of its bytes', () => {
  const { random } = seeded('short writes')
  const files = new MemoryFiles({ random })
  const lengths = new Set<number>()
  for (let round = 0; round < 200; round++) {
    const file = files.openSync('/a', 'create')
    files.fail({ operation: 'write', code: 'ENOSPC', isShortWrite: true })
    assert.throws(() => file.writeSync([Buffer.from('a'), Buffer.from('bc')], 0), failsWith('ENOSPC'))
    assert.ok('abc'.startsWith(file.readSync(0, 10).latin1Slice()))
    lengths.add(file.sizeSync())
  }
  assert.equal([...lengths].sort(), [0, 1, 2, 3])
})

test('a full disk accepts what fits, overwrites in place, and accepts more once there is room', () => {
  const files = new MemoryFiles({ capacityBytes: 3 * PAGE_BYTES })
  const file = files.openSync('/a', 'create')
  const reserve = files.openSync('/reserve', 'create')
  reserve.writeSync([Buffer.alloc(PAGE_BYTES)], 0)
  assert.is(files.freeBytesSync('/'), 2 * PAGE_BYTES)
  assert.throws(() => file.writeSync([Buffer.alloc(5 * PAGE_BYTES, 'x')], 0), failsWith('ENOSPC'))
  assert.is(file.sizeSync(), 2 * PAGE_BYTES)
  assert.is(files.freeBytesSync('/'), 0)
  file.writeSync([Buffer.alloc(2 * PAGE_BYTES, 'y')], 0)
  files.removeSync('/reserve')
  assert.is(files.freeBytesSync('/'), PAGE_BYTES)
  file.writeSync([Buffer.from('z')], 2 * PAGE_BYTES)
  file.truncateSync(0)
  assert.is(files.freeBytesSync('/'), 3 * PAGE_BYTES)
  files.capacityBytes = 0
  assert.throws(() => file.writeSync([Buffer.from('z')], 0), failsWith('ENOSPC'))
})

test('a later datasync does not save pages that a failed one gave up', async () => {
  const { random } = seeded('failed datasync')
  const files = new MemoryFiles({ directories: ['/d'] })
  const file = files.openSync('/d/a', 'create')
  files.syncDirectorySync('/d')
  file.writeSync([Buffer.alloc(PAGE_BYTES, 'a')], 0)
  files.fail({ operation: 'datasync', code: 'EIO' })
  const error = await file.datasync().catch((error: unknown) => error)
  assert.is((error as NodeJS.ErrnoException).code, 'EIO')
  file.writeSync([Buffer.alloc(PAGE_BYTES, 'b')], PAGE_BYTES)
  await file.datasync()
  const firstPages = new Set<string>()
  for (let round = 0; round < CRASHES; round++) {
    const found = files.crash(random).openSync('/d/a', 'read')
    assert.is(found.sizeSync(), 2 * PAGE_BYTES)
    assert.is(found.readSync(PAGE_BYTES, 1).latin1Slice(), 'b')
    firstPages.add(found.readSync(0, 1).latin1Slice())
  }
  assert.ok(firstPages.has('\0') && firstPages.has('a'))
})

test('a replaced file is the old or the new one, complete, after a power loss at any time', () => {
  const { random } = seeded('replaced file')
  const files = new MemoryFiles({ directories: ['/d'] })
  replaceFileSync(files, '/d/pointer', Buffer.alloc(5000, 'o'))
  const found = new Set<string>()
  const crash = () => {
    for (let round = 0; round < CRASHES / 5; round++) {
      const after = files.crash(random).openSync('/d/pointer', 'read')
      const content = after.readSync(0, 10_000).latin1Slice()
      assert.match(content, /^(o{5000}|n{5000})$/)
      found.add(content[0]!)
    }
  }
  files.onOperation = crash
  replaceFileSync(files, '/d/pointer', Buffer.alloc(5000, 'n'))
  assert.equal([...found].sort(), ['n', 'o'])
  files.onOperation = undefined
  found.clear()
  crash()
  assert.equal([...found], ['n'])
})

test('a replacement without a sync of the content may be found empty or torn', () => {
  const { random } = seeded('careless replacement')
  const files = new MemoryFiles({ directories: ['/d'] })
  replaceFileSync(files, '/d/pointer', Buffer.from('old'))
  files.openSync('/d/pointer.new', 'create').writeSync([Buffer.from('new')], 0)
  files.renameSync('/d/pointer.new', '/d/pointer')
  files.syncDirectorySync('/d')
  const found = new Set<string>()
  for (let round = 0; round < CRASHES; round++) {
    found.add(files.crash(random).openSync('/d/pointer', 'read').readSync(0, 3).latin1Slice())
  }
  assert.ok(found.has('') && found.has('new') && !found.has('old'))
})

test('a closed file and a file open for reading refuse writes', () => {
  const files = new MemoryFiles()
  const file = files.openSync('/a', 'create')
  file.closeSync()
  assert.throws(() => file.writeSync([Buffer.from('x')], 0), failsWith('EBADF'))
  assert.throws(() => file.closeSync(), failsWith('EBADF'))
  assert.throws(() => files.openSync('/a', 'read').writeSync([Buffer.from('x')], 0), failsWith('EBADF'))
})

test.run()
