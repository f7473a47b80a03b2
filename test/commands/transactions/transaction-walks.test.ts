/**
 * Commands that may wait for the disk, as part of a transaction. They run without a pause, and see
 * the effects of the commands before them and no others.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../../commands/clients/connection.ts'
import { ErrorReply, type Reply, SimpleString } from '../../../commands/contract/reply.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { pikaScans } from '../../../commands/keys/pika-scans.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { waits } from '../../../commands/replication/wait.ts'
import { debug } from '../../../commands/server/debug.ts'
import { persistence } from '../../../commands/server/persistence.ts'
import { server as serverCommands } from '../../../commands/server/server.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const FAMILIES = [connection, strings, sets, keys, databases, scans, pikaScans, debug, waits, persistence, transactions]

const shown = (reply: Reply): unknown => {
  if (reply instanceof ErrorReply) return `-${reply.text}`
  return reply instanceof SimpleString ? reply.text : reply
}

/** Returns the replies of a transaction of these requests, each a line of words. */
function together({ run }: Harness, ...lines: string[]): unknown[] {
  run('MULTI')
  for (const line of lines) run(...line.split(' '))
  return (run('EXEC') as Reply[]).map(shown)
}

/** Returns a server with keys a to j that are on disk only. */
async function stored(): Promise<Harness> {
  const made = harness(FAMILIES)
  for (const key of 'abcdefghij') made.run('SET', key, key)
  await made.toDisk()
  made.logged()
  return made
}

test('SCAN and KEYS see the earlier writes and deletions of their transaction', async () => {
  const made = await stored()
  const all = [...'abcdefghij']
  assert.equal(together(made, 'KEYS *', 'SET k 1', 'KEYS *', 'DEL a k', 'SCAN 0 COUNT 100', 'FLUSHDB', 'KEYS *', 'SET z 1', 'SCAN 0'), [
    all,
    'OK',
    [...all, 'k'],
    2,
    ['0', all.slice(1)],
    'OK',
    [],
    'OK',
    ['0', ['z']],
  ])
  assert.equal(made.logged(), [['MULTI'], ['SET', 'k', '1'], ['DEL', 'a', 'k'], ['FLUSHDB'], ['SET', 'z', '1'], ['EXEC']])
})

test('a cursor is valid both inside and outside of a transaction', async () => {
  const made = await stored()
  const [[cursor, first]] = together(made, 'SCAN 0 COUNT 4') as [[string, string[]]]
  assert.equal(first, [...'abcd'])
  const [second, part] = (await made.runAsync('SCAN', cursor, 'COUNT', '4')) as [string, string[]]
  assert.equal(part, [...'efgh'])
  assert.equal(together(made, `SCAN ${second}`), [['0', ['i', 'j']]])
})

test("RANDOMKEY and Pika's scans see the earlier writes of their transaction", async () => {
  const made = await stored()
  const [key, ...rest] = together(made, 'RANDOMKEY', 'SADD s 1', 'PKSCANRANGE set a z', 'PKRSCANRANGE string c b', 'SCANX string i')
  assert.match(key as string, /^[a-j]$/)
  assert.equal(rest, [1, ['', ['s']], ['', ['c', 'b']], ['', ['i', 'j']]])
  assert.equal(together(made, 'FLUSHDB', 'RANDOMKEY'), ['OK', null])
})

test('KEYS sees the present keys in every phase of a checkpoint', async () => {
  const chance = seeded('transactions that walk')
  for (let round = 0; round < 30; round++) {
    const made = await stored()
    const { run, records } = made
    const expected = new Set('abcdefghij')
    const change = (): string => {
      const key = chance.pick([...'abcdefghijklmnop'])
      if (chance.integer(2) === 0) {
        expected.add(key)
        return `SET ${key} 1`
      }
      expected.delete(key)
      return `DEL ${key}`
    }
    const look = () => {
      const lines = Array.from({ length: chance.integer(5) }, change)
      assert.equal(together(made, ...lines, 'KEYS *').at(-1), [...expected].sort(), `round ${round}`)
    }
    for (let i = chance.integer(5); i > 0; i--) run(...change().split(' '))
    records.holdWrites()
    const landing = made.checkpoint()
    look()
    records.landHeldWrites()
    look()
    records.releaseWrites()
    await landing
    look()
  }
})

test('DEBUG DIGEST in a transaction equals that outside, and subcommands that need turns are refused', async () => {
  const made = await stored()
  made.server.config.load([['enable-debug-command', 'yes']])
  const digest = shown(await made.runAsync('DEBUG', 'DIGEST'))
  const [before, , after, sample] = together(made, 'DEBUG DIGEST', 'SET a 2', 'DEBUG DIGEST', 'DEBUG JMAP')
  assert.is(before, digest)
  assert.is(after, shown(await made.runAsync('DEBUG', 'DIGEST')))
  assert.is.not(after, before)
  assert.match(sample as string, /^-ERR unknown subcommand/)
  const refused = '-ERR command not allowed inside a transaction or a script'
  assert.equal(together(made, 'DEBUG RELOAD', 'DEBUG LOADAOF', 'DEBUG SLEEP 0', 'DEBUG POPULATE 2'), [refused, refused, 'OK', 'OK'])
  assert.equal(made.logged().slice(-1), [['MSET', 'key:0', 'value:0', 'key:1', 'value:1']])
})

test('WAIT and WAITAOF in a transaction return the current counts at once', async () => {
  const made = await stored()
  made.server.replication.waited = { local: 1, replicas: 2 }
  assert.equal(together(made, 'SET a 1', 'WAIT 5 0', 'WAITAOF 1 5 0', 'WAIT x 0'), [
    'OK',
    2,
    [1, 2],
    '-ERR value is not an integer or out of range',
  ])
  assert.equal(
    made.server.replication.calls.map(([name]) => name),
    ['reached', 'reached'],
  )
})

test('SAVE and SHUTDOWN are not queued', async () => {
  const { run } = await stored()
  run('MULTI')
  for (const name of ['SAVE', 'SHUTDOWN']) assert.throws(() => run(name), /^ERR Command not allowed inside a transaction$/)
  assert.throws(() => run('EXEC'), /^EXECABORT Transaction discarded because of previous errors\.$/)
})

test('MONITOR is refused in a transaction', () => {
  const made = harness([...FAMILIES, serverCommands])
  assert.equal(together(made, 'MONITOR', 'PING'), ["-ERR MONITOR isn't allowed for DENY BLOCKING client", 'PONG'])
  assert.not(made.session.isMonitoring)
})

test("while LevelDB is closed a transaction's walks are refused and its other commands run", async () => {
  const made = await stored()
  made.run('SET', 'k', '1')
  await made.records.close()
  const loading = '-LOADING The database is being reopened after a disk error'
  assert.equal(together(made, 'GET k', 'KEYS *', 'SCAN 0', 'SET k 2'), ['1', loading, loading, 'OK'])
})

test.run()
