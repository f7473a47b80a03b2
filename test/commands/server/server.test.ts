/** INFO, TIME, LOLWUT, MONITOR, SHUTDOWN and SAVE as commands: arguments and effects. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OK, type SimpleString, type Verbatim } from '../../../commands/contract/reply.ts'
import { drawHaypile } from '../../../commands/server/lolwut.ts'
import { persistence } from '../../../commands/server/persistence.ts'
import { server as serverCommands } from '../../../commands/server/server.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { harness as commandHarness } from '../../support/harness/harness.ts'

function harness() {
  const made = commandHarness([serverCommands, persistence])
  const { server, session, run, error: refusal } = made
  const runAsync = (...args: string[]) => made.runAsync(...args).catch((error: Error) => error)
  return { server, session, run, refusal, runAsync }
}

test('INFO passes its sections on in lower case and returns text', () => {
  const { run } = harness()
  const reply = run('INFO', 'Server', 'KEYSPACE') as Verbatim
  assert.is(reply.format, 'txt')
  assert.is(reply.text, '# server keyspace\r\n')
})

test("TIME is the turn's clock in seconds and microseconds", () => {
  const { run } = commandHarness([serverCommands], { startMs: 1_700_000_000_123 })
  assert.equal(run('TIME'), ['1700000000', '123000'])
})

test('LOLWUT draws from chance alone, fits a terminal, and ends with the version', () => {
  const { server, run, refusal } = harness()
  server.random = fromSeed(1).random
  const { text } = run('LOLWUT', 'VERSION', '5') as Verbatim
  assert.match(text, /\nRedis ver\. 7\.2\.4, haypile ver\. 7\.2\.0\n$/)
  for (const line of text.split('\n')) assert.ok(line.length < 80 && /^[ -~]*$/.test(line))
  assert.is(
    drawHaypile(() => 0.25),
    drawHaypile(() => 0.25),
  )
  assert.is(refusal('LOLWUT', 'VERSION', 'x'), 'ERR value is not an integer or out of range')
})

test('MONITOR adds the session to the monitors', () => {
  const { server, session, run } = harness()
  assert.is(run('MONITOR'), OK)
  assert.ok(server.clients.monitors.has(session))
})

test('SAVE waits for a checkpoint, and is refused while one runs', async () => {
  const { server, runAsync } = harness()
  assert.is(await runAsync('SAVE'), OK)
  assert.is(server.storage.checkpoints, 1)
  server.storage.isCheckpointRunning = true
  assert.is(((await runAsync('SAVE')) as Error).message, 'ERR Background save already in progress')
  assert.is(server.storage.checkpoints, 1)
})

test('SAVE reports why a checkpoint failed', async () => {
  const { server, runAsync } = harness()
  server.storage.checkpoint = async () => {
    throw new Error('no space left on device')
  }
  const error = (await runAsync('SAVE')) as Error
  assert.is(error.name, 'ClientError')
  assert.is(error.message, 'ERR no space left on device')
})

test('BGSAVE and BGREWRITEAOF start a checkpoint, or schedule one after the running one', () => {
  const { server, run, refusal } = harness()
  const text = (...args: string[]) => (run(...args) as SimpleString).text
  assert.is(text('BGSAVE'), 'Background saving started')
  assert.is(text('BGSAVE', 'schedule'), 'Background saving started')
  assert.is(text('BGREWRITEAOF'), 'Background append only file rewriting started')
  server.storage.isCheckpointRunning = true
  assert.is(refusal('BGSAVE'), 'ERR Background save already in progress')
  assert.is(text('BGSAVE', 'SCHEDULE'), 'Background saving scheduled')
  assert.is(text('BGREWRITEAOF'), 'Background append only file rewriting scheduled')
  assert.is(refusal('BGSAVE', 'foo'), 'ERR syntax error')
  assert.is(refusal('BGSAVE', 'SCHEDULE', 'x'), 'ERR syntax error')
  assert.is(server.storage.checkpoints, 5)
  assert.is(run('LASTSAVE'), server.storage.lastCheckpointSeconds)
})

test('a failed background checkpoint causes no unhandled rejection', async () => {
  const { server, run } = harness()
  const unhandled: unknown[] = []
  const listener = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', listener)
  server.storage.checkpoint = () => Promise.reject(new Error('EIO'))
  run('BGSAVE')
  run('BGREWRITEAOF')
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', listener)
  assert.equal(unhandled, [])
})

test('SHUTDOWN accepts its options in any order and passes them on', async () => {
  const { server, runAsync } = harness()
  await runAsync('SHUTDOWN')
  await runAsync('SHUTDOWN', 'FORCE', 'nosave')
  await runAsync('SHUTDOWN', 'SAVE', 'NOW')
  assert.equal(server.shutdowns, [
    { save: 'default', isImmediate: false, isForced: false },
    { save: 'nosave', isImmediate: false, isForced: true },
    { save: 'save', isImmediate: true, isForced: false },
  ])
  for (const words of [['foo'], ['SAVE', 'NOSAVE'], ['ABORT', 'NOW']]) {
    assert.is(((await runAsync('SHUTDOWN', ...words)) as Error).message, 'ERR syntax error')
  }
  assert.is(server.shutdowns.length, 3)
})

test('SHUTDOWN ABORT stops a shutdown in progress', async () => {
  const { server, runAsync } = harness()
  assert.is(((await runAsync('SHUTDOWN', 'ABORT')) as Error).message, 'ERR No shutdown in progress.')
  server.abortShutdown = () => true
  assert.is(await runAsync('SHUTDOWN', 'ABORT'), OK)
})

test.run()
