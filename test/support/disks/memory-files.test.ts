/** The simulated file system loses and tears what was not synced. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type File, type Files, realFiles } from '../../../base/files.ts'
import { fromSeed, type Seeded, seeded } from '../generators/seed.ts'
import { MemoryFiles, PAGE_BYTES } from './memory-files.ts'

const LOGS = 150
/** The number of simulated crashes. It makes every expected outcome all but certain to occur. */
const CRASHES = 500

/** Runs an operation. Returns its value as text, or the code of its error. */
function outcome(run: () => unknown): string {
  try {
    return JSON.stringify(run()) ?? 'done'
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

/**
 * A random operation on one of a few paths, as a function of the file system and its open files.
 */
function randomOperation({ integer, pick }: Seeded): (files: Files, open: Map<string, File>, root: string) => string {
  const [from, to] = [pick(['a', 'b', 'd/a', 'd/b', 'd/e/a', 'd']), pick(['a', 'b', 'd/a', 'd/e/b', 'd/e'])]
  const mode = pick(['create', 'update', 'read'] as const)
  const position = integer(3 * PAGE_BYTES)
  const length = 1 + integer(2 * PAGE_BYTES)
  const bytes = Buffer.alloc(length, 1 + integer(255))
  const halves = [bytes.subarray(0, length >> 1), bytes.subarray(length >> 1)]
  const kind = integer(12)
  return (files, open, root) => {
    const file = open.get(from)
    return outcome(() => {
      if (kind === 0) return files.makeDirectorySync(join(root, from === 'd' ? 'd' : 'd/e'))
      if (kind === 1) return files.renameSync(join(root, from), join(root, to))
      if (kind === 2) {
        // Removing a path inside a file fails on Node 20 and does nothing on Node 24; storage never
        // does it.
        if (outcome(() => files.listSync(dirname(join(root, from)))) === 'ENOTDIR') return 'no directory'
        return files.removeTreeSync(join(root, from))
      }
      if (kind === 3) return files.listSync(join(root, 'd'))
      if (kind === 4) return files.existsSync(join(root, from))
      if (kind < 7) {
        // Some systems can open a directory for reading; storage never does.
        if (mode === 'read' && outcome(() => files.listSync(join(root, from))).startsWith('[')) return 'directory'
        const opened = files.openSync(join(root, from), mode)
        open.get(from)?.closeSync()
        open.set(from, opened)
      } else if (kind < 10) file?.writeSync(halves, position)
      else if (kind === 10) file?.truncateSync(position)
      const size = file?.sizeSync()
      return [size, file?.readSync(position >> 1, length).toString('base64')]
    })
  }
}

// The codes of some errors differ on other systems.
const onLinux = process.platform === 'linux' ? test : test.skip
if (process.platform !== 'linux') console.log('SKIPPED the comparison with the real file system: not on Linux')

onLinux('it does what a real file system does', () => {
  const chance = seeded('twin of the real file system')
  const root = mkdtempSync(join(tmpdir(), 'haypile-files-'))
  const memory = new MemoryFiles({ directories: [root] })
  const opened = [new Map<string, File>(), new Map<string, File>()] as const
  try {
    for (let step = 0; step < 2000; step++) {
      const operation = randomOperation(chance)
      assert.is(operation(memory, opened[0], root), operation(realFiles, opened[1], root), `step ${step}`)
    }
  } finally {
    for (const file of opened[1].values()) file.closeSync()
    rmSync(root, { recursive: true })
  }
})

/** A disk with a log in /d whose first bytes and name are synced. */
function diskWithLog(synced: Buffer): { readonly files: MemoryFiles; readonly log: File } {
  const files = new MemoryFiles({ directories: ['/d'] })
  const log = files.openSync('/d/log', 'create')
  log.writeSync([synced], 0)
  log.datasyncSync()
  files.syncDirectorySync('/d')
  return { files, log }
}

function contentOf(files: Files, path: string): Buffer {
  const file = files.openSync(path, 'read')
  const content = file.readSync(0, file.sizeSync())
  file.closeSync()
  return content
}

test('after a power loss an append-only log has all synced bytes, and behind them only written bytes or zeros', () => {
  const { integer, random } = seeded('append-only log')
  for (let round = 0; round < LOGS; round++) {
    const { files, log } = diskWithLog(Buffer.alloc(0))
    let written = Buffer.alloc(0)
    let synced = 0
    for (let append = integer(60); append > 0; append--) {
      const bytes = Buffer.alloc(1 + integer(integer(4) === 0 ? 9000 : 300), 1 + integer(255))
      log.writeSync([bytes], written.length)
      written = Buffer.concat([written, bytes])
      if (integer(20) > 0) continue
      log.datasyncSync()
      synced = written.length
    }
    const found = contentOf(files.crash(random), '/d/log')
    assert.ok(found.length >= synced && found.length <= written.length)
    assert.ok(found.subarray(0, synced).equals(written.subarray(0, synced)))
    for (let i = synced; i < found.length; i++) assert.ok(found[i] === 0 || found[i] === written[i], `byte ${i}`)
  }
})

test('unsynced pages vanish, stay and tear independently', () => {
  const { random } = seeded('fates of pages')
  const fates = new Set<string>()
  for (let round = 0; round < CRASHES; round++) {
    const { files, log } = diskWithLog(Buffer.alloc(2 * PAGE_BYTES, 'o'))
    log.writeSync([Buffer.alloc(2 * PAGE_BYTES, 'n')], 0)
    const found = contentOf(files.crash(random), '/d/log').latin1Slice()
    const pages = [found.slice(0, PAGE_BYTES), found.slice(PAGE_BYTES)]
    for (const page of pages) assert.match(page, /^n*o*$/)
    fates.add(pages.map((page) => (page.endsWith('n') ? 'new' : page.startsWith('o') ? 'old' : 'torn')).join(' '))
  }
  for (const fate of ['old old', 'new new', 'old new', 'new old', 'torn new', 'new torn']) assert.ok(fates.has(fate), fate)
})

test('unsynced growth and truncation may be lost', () => {
  const { random } = seeded('sizes')
  const sizes = new Set<number>()
  for (let round = 0; round < CRASHES; round++) {
    const { files, log } = diskWithLog(Buffer.alloc(100, 'a'))
    log.truncateSync(50)
    log.writeSync([Buffer.alloc(100, 'b')], 50)
    sizes.add(contentOf(files.crash(random), '/d/log').length)
  }
  assert.equal([...sizes].sort(), [100, 150, 50])
})

test('a finished datasync makes durable what was written before its call', async () => {
  const { random } = seeded('datasync')
  const { files, log } = diskWithLog(Buffer.alloc(0))
  files.holdSyncs()
  log.writeSync([Buffer.from('first')], 0)
  let ended = false
  const sync = log.datasync().then(() => {
    ended = true
  })
  log.writeSync([Buffer.from('second')], 5)
  assert.is(files.heldSyncs, 1)
  const during = new Set(crashes(files, random).map((found) => contentOf(found, '/d/log').latin1Slice()))
  assert.ok(during.has('') && during.has('firstsecond'))
  assert.is(ended, false)
  files.releaseSyncs()
  await sync
  for (const found of crashes(files, random)) assert.match(contentOf(found, '/d/log').latin1Slice(), /^first/)
  assert.ok(crashes(files, random).some((found) => contentOf(found, '/d/log').latin1Slice() === 'first'))
  await log.datasync()
  for (const found of crashes(files, random)) assert.is(contentOf(found, '/d/log').latin1Slice(), 'firstsecond')
})

function crashes(files: MemoryFiles, random: () => number): MemoryFiles[] {
  return Array.from({ length: CRASHES }, () => files.crash(random))
}

test('names are durable only when their directory is synced', () => {
  const { random } = seeded('names')
  const files = new MemoryFiles({ directories: ['/d'] })
  const file = files.openSync('/d/a', 'create')
  file.writeSync([Buffer.from('x')], 0)
  file.datasyncSync()
  assert.equal(listings(files, random), ['', 'a'])
  files.syncDirectorySync('/d')
  assert.equal(listings(files, random), ['a'])
  files.renameSync('/d/a', '/d/b')
  assert.equal(listings(files, random), ['a', 'b'])
  files.syncDirectorySync('/d')
  assert.equal(listings(files, random), ['b'])
  files.removeSync('/d/b')
  assert.equal(listings(files, random), ['', 'b'])
  for (const found of crashes(files, random)) if (found.existsSync('/d/b')) assert.is(contentOf(found, '/d/b').latin1Slice(), 'x')
  files.syncDirectorySync('/d')
  assert.equal(listings(files, random), [''])
})

/** The different listings of /d that crashes leave. */
function listings(files: MemoryFiles, random: () => number): string[] {
  return [...new Set(crashes(files, random).map((found) => found.listSync('/d').join()))].sort()
}

test('a directory that was not synced into its parent is lost with its files', () => {
  const { random } = seeded('directories')
  const files = new MemoryFiles({ directories: ['/d'] })
  files.makeDirectorySync('/d/e')
  files.openSync('/d/e/a', 'create').closeSync()
  files.syncDirectorySync('/d/e')
  assert.equal(listings(files, random), ['', 'e'])
  for (const found of crashes(files, random)) assert.is(found.existsSync('/d/e/a'), found.existsSync('/d/e'))
  files.syncDirectorySync('/d')
  assert.equal(listings(files, random), ['e'])
})

test('a rename to another directory is durable by a sync of either, and never leaves two names', () => {
  const { random, pick } = seeded('moves')
  for (const synced of ['/d', '/e']) {
    const files = new MemoryFiles({ directories: ['/d', '/e'] })
    files.openSync('/d/a', 'create').closeSync()
    files.syncDirectorySync('/d')
    files.renameSync('/d/a', '/e/a')
    for (const found of crashes(files, random)) assert.not(found.existsSync('/d/a') === found.existsSync('/e/a'))
    files.syncDirectorySync(synced)
    assert.ok(pick(crashes(files, random)).existsSync('/e/a'))
    for (const found of crashes(files, random)) assert.equal([found.existsSync('/d/a'), found.existsSync('/e/a')], [false, true])
  }
})

test('a process kill keeps all written bytes, and a later power loss may lose them', () => {
  const { random } = seeded('kill')
  const { files, log } = diskWithLog(Buffer.alloc(10, 'a'))
  log.writeSync([Buffer.alloc(10, 'b')], 10)
  files.openSync('/d/other', 'create').closeSync()
  const next = files.crashProcess()
  assert.is(contentOf(next, '/d/log').latin1Slice(), 'aaaaaaaaaabbbbbbbbbb')
  assert.equal(next.listSync('/d'), ['log', 'other'])
  log.writeSync([Buffer.alloc(10, 'c')], 0)
  assert.is(contentOf(next, '/d/log').latin1Slice(), 'aaaaaaaaaabbbbbbbbbb', 'writes on the old disk do not reach the new one')
  assert.ok(crashes(next, random).some((found) => contentOf(found, '/d/log').length === 10))
  assert.ok(listings(next, random).includes('log'))
})

test('a seed always crashes the same way', () => {
  const { seed } = seeded('same crash')
  const { files, log } = diskWithLog(Buffer.alloc(3 * PAGE_BYTES, 'a'))
  log.writeSync([Buffer.alloc(3 * PAGE_BYTES, 'b')], 17)
  const again = () => {
    const { random } = fromSeed(seed)
    return crashes(files, random).map((found) => contentOf(found, '/d/log').latin1Slice())
  }
  assert.equal(again(), again())
})

test.run()
