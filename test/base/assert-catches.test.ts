/**
 * A bug inside a `try` whose `catch` handles other errors passes the `catch` and ends the process.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AssertionError } from '../../base/assert.ts'
import type { Log } from '../../base/log.ts'
import type { StoragePort } from '../../commands/contract/ports.ts'
import { type FunctionEngine, FunctionLibraries } from '../../commands/functions/libraries.ts'
import { checkpointOrRefuse } from '../../commands/server/persistence.ts'
import { LuaMachine } from '../../lua/machine.ts'
import { Failover } from '../../replication/failover.ts'
import { historyOf } from '../../replication/master/history.ts'
import type { ReplicaView } from '../../replication/master/replica-view.ts'
import { Config } from '../../server/config/config.ts'
import type { Binlog } from '../../storage/binlog/binlog.ts'
import { DiskSpace } from '../../storage/directory/disk-space.ts'
import { Libraries } from '../../storage/keyspace/libraries.ts'
import { ScanCursors } from '../../storage/scan/scan-cursors.ts'
import type { Storage } from '../../storage/storage.ts'
import { MemoryFiles } from '../support/disks/memory-files.ts'
import { Disk, Engine } from '../support/harness/engine.ts'

const log: Log = { debug() {}, info() {}, warn() {}, error() {} }
const bug = new AssertionError('injected')

function fails(): never {
  throw bug
}

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return 'nothing'
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'nothing',
    (error: unknown) => error,
  )
}

test('a bug in a checkpoint is no error reply of SAVE', async () => {
  const storage = { checkpoint: async () => fails() } as unknown as StoragePort
  assert.is(await rejectionOf(checkpointOrRefuse(storage)), bug)
})

test('a bug in the removal of segments is not put off to the next purge', () => {
  const space = new DiskSpace(new MemoryFiles(), '/data', 0, log, false)
  assert.is(
    thrownBy(() => space.purge({ purge: fails } as unknown as Binlog, { checkpointed: 0, pinned: 0 }, 0)),
    bug,
  )
})

test('a bug in storing the role is not put off when memory differs from the log', async () => {
  const engine = await Engine.open(new Disk())
  engine.disk.files.onOperation = fails
  assert.is(
    thrownBy(() => engine.storage.distrust('a test')),
    bug,
  )
})

test('a bug in the last checkpoint, or in recording the clean end, fails the shutdown', async () => {
  const first = await Engine.open(new Disk())
  const { encode } = ScanCursors.prototype
  ScanCursors.prototype.encode = fails
  const failure = await rejectionOf(first.storage.close('save'))
  ScanCursors.prototype.encode = encode
  assert.is(failure, bug)
  const second = await Engine.open(new Disk())
  second.disk.files.onOperation = (operation) => {
    if (operation === 'rename') fails()
  }
  assert.is(await rejectionOf(second.storage.close('nosave')), bug)
})

test('a bug in loading deadlines is not retried', async () => {
  const { storage } = await Engine.open(new Disk())
  await storage.expiry.stop()
  const { records } = storage.keyspace
  const iterate = records.iterate.bind(records)
  records.iterate = (range) => {
    const iterator = iterate(range)
    iterator.next = async () => fails()
    return iterator
  }
  storage.expiry.resume(Date.now() * 2)
  assert.is(await rejectionOf(storage.expiry.stop()), bug)
})

test('a bug in finding a position of the binlog is no refusal to a replica', () => {
  const binlog = { startOffset: 0, end: { offset: 0, crc: 0 }, positionAt: fails }
  const history = historyOf({ identity: { replicationId: '', past: [] }, binlog, role: 'master' } as unknown as Storage, true)
  assert.is(
    thrownBy(() => history.positionAt(0)),
    bug,
  )
})

test('a bug in handing the role over does not abort the failover', () => {
  const replica = { ip: '10.0.0.1', port: 1, runId: 'a', synced: 100 } as unknown as ReplicaView
  const failover = new Failover({
    log,
    binlogEnd: () => 100,
    online: () => [replica],
    askForAcks() {},
    pauseWrites() {},
    resumeWrites() {},
    handOver: fails,
    takeBack() {},
    isLinked: () => false,
    mayTakeBack: () => true,
    inquire: (_, answered) => answered(null),
    stopInquiry() {},
  })
  failover.start({ to: null, isForced: false, timeoutMs: 0 }, 0)
  assert.is(
    thrownBy(() => {
      failover.advance(0)
      failover.advance(0)
    }),
    bug,
  )
})

test('a bug in compiling a stored library does not make its functions unavailable', () => {
  const stored = new Libraries(() => {})
  stored.set('mine', '#!lua name=mine\n')
  const engine = { compile: fails, release() {}, losses: 0 } as unknown as FunctionEngine
  const libraries = new FunctionLibraries(stored, engine, () => {})
  assert.is(
    thrownBy(() => libraries.functionCount),
    bug,
  )
})

test('a bug in rewriting the configuration file is no error reply', () => {
  const files = new MemoryFiles()
  files.makeDirectorySync('/etc')
  files.openSync('/etc/haypile.conf', 'create').closeSync()
  const config = new Config({ files })
  config.loadFile('/etc/haypile.conf')
  files.onOperation = fails
  assert.is(
    thrownBy(() => config.rewrite()),
    bug,
  )
})

test('a bug in a function of the host passes every pcall of the script', () => {
  const machine = new LuaMachine({ limitBytes: 2 ** 24, monotonicMs: () => 0, libraries: [] })
  machine.stack.pushFunction(machine.stack.hostFunction(fails))
  machine.sandbox.setGlobal('broken')
  const script = machine.compile('pcall(pcall, broken) return 1', '@script') as number
  assert.is(
    thrownBy(() => machine.start(script)),
    bug,
  )
  assert.ok(machine.isBroken)
})

/** A program with an embedded server whose checkpoints have a bug. It sends one command. */
const EMBEDDED = `
import { connect } from 'node:net'
const [directory, command] = process.argv.slice(1)
const { AssertionError } = await import(new URL('base/assert.js', process.env.DIST))
const { Storage } = await import(new URL('storage/storage.js', process.env.DIST))
const { start } = await import(new URL('server/index.js', process.env.DIST))
const server = await start({ port: 0, dir: directory })
Storage.prototype.checkpoint = () => Promise.reject(new AssertionError('assertion failed: injected'))
const client = connect(server.port, '127.0.0.1')
client.write(command + '\\r\\nPING\\r\\n')
client.on('data', (data) => {
  if (String(data).includes('PONG') && command === 'SAVE') process.exit(0)
})
setTimeout(() => process.exit(0), 5000)
`

for (const command of ['SAVE', 'BGSAVE'])
  test(`a bug under ${command} ends the process of an embedded server`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'haypile-bug-'))
    const env = { ...process.env, DIST: new URL('../../', import.meta.url).href }
    const child = spawn(process.execPath, ['--input-type=module', '-e', EMBEDDED, directory, command], { env })
    let printed = ''
    child.stdout.on('data', (data) => {
      printed += data
    })
    child.stderr.on('data', (data) => {
      printed += data
    })
    const [status] = await once(child, 'close')
    rmSync(directory, { recursive: true, force: true })
    assert.is(status, 1, printed)
    assert.match(printed, 'assertion failed: injected')
  })

test.run()
