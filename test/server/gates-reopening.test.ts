import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Client, Executor } from '../../commands/executor.ts'
import { keys } from '../../commands/keys.ts'
import type { CommandRuntime } from '../../commands/runtimes.ts'
import { sets } from '../../commands/sets.ts'
import { sorts } from '../../commands/sort.ts'
import { CommandTable } from '../../commands/table.ts'
import { Gates } from '../../server/gates.ts'
import type { Storage } from '../../storage/storage.ts'
import { harness } from '../support/executor-harness.ts'

const families = [sets, keys, sorts]

test('while LevelDB is being reopened commands are held whose keys may lie in part on disk only', async () => {
  const { keyspace, run, checkpoint } = harness(families)
  const table = new CommandTable(families)
  const storage = { isReady: true, stalled: null, diskLow: false, isOverloaded: false, keyspace, checkpointer: { isReopening: true } }
  const executor = {} as { gate: Executor['gate']; gated: Executor['gated'] }
  const gates = new Gates(storage as unknown as Storage, executor as Executor, table, (run) => run())
  gates.loading = false
  const client = { peer: 'client', database: 0, retryGate() {} } as unknown as Client
  const verdict = (...words: string[]) => {
    const command = table.find(words[0] as string)
    assert.ok(command !== undefined)
    return executor.gate({ command, isWrite: command.flags.includes('write') } as unknown as CommandRuntime, words, client)
  }
  keyspace.pageLimits = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
  run('SADD', 'large', ...Array.from({ length: 100 }, (_, i) => `member ${i}`))
  run('SADD', 'small', 'a')
  assert.is(verdict('SCARD', 'large'), null, 'all of it is in memory: nothing has been written')
  await checkpoint()
  run('SADD', 'new', ...Array.from({ length: 100 }, (_, i) => `member ${i}`))
  assert.equal(
    [verdict('SCARD', 'large'), verdict('SADD', 'large', 'x'), verdict('DEL', 'small', 'large'), verdict('SORT', 'small')],
    ['hold', 'hold', 'hold', 'hold'],
  )
  assert.equal(
    [verdict('SCARD', 'small'), verdict('SADD', 'small', 'x'), verdict('SCARD', 'new'), verdict('SCARD', 'none')],
    [null, null, null, null],
  )
  const db = keyspace.database(0)
  for (let i = 0; i < 3; i++) db.residents.sweep(2 * db.residents.length, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
  assert.is(verdict('SCARD', 'small'), 'hold', 'there are keys that are not in memory')
})

test.run()
