/** Which commands are held while LevelDB is reopened or a group waits to be written. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type CommandFlag, command } from '../../../commands/contract/command.ts'
import { Request } from '../../../commands/contract/request.ts'
import type { CommandRuntime } from '../../../commands/contract/runtimes.ts'
import type { Client } from '../../../commands/contract/session.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import type { Executor } from '../../../commands/execution/executor.ts'
import { Gating, OPEN_GATES } from '../../../commands/execution/gating.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { sorts } from '../../../commands/keys/sort.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { Transaction } from '../../../commands/transactions/transaction.ts'
import { type GateHooks, Gates } from '../../../server/loop/gates.ts'
import { encodedLength, writeCommand } from '../../../storage/binlog/command-codec.ts'
import type { Storage } from '../../../storage/storage.ts'
import { harness } from '../../support/harness/harness.ts'

/** Declares a script command: like EVAL, it runs commands that its arguments do not name. */
const script = (name: string, ...flags: CommandFlag[]) =>
  command({
    name,
    group: 'scripting',
    since: '1.0.0',
    summary: '',
    syntax: name.toUpperCase(),
    arity: -1,
    flags: ['no_mandatory_keys', ...flags],
    run: () => null,
  })

const families = [sets, keys, sorts, databases, [script('eval', 'may_replicate'), script('eval_ro', 'readonly')]]

const CLIENT = { remoteRole: 'client', database: 0, transaction: null, retryGate() {} }

function made(storage: object, client: object = CLIENT) {
  const table = new CommandTable(families)
  const executor = { units: { current: null }, gating: new Gating(OPEN_GATES) } as unknown as Executor
  const hooks: GateHooks = { replication: () => null, lease: () => null, flagsOfScript: () => null, onOpened() {} }
  const gates = new Gates(storage as unknown as Storage, executor, table, hooks, (run) => run())
  gates.isLoading = false
  return (...words: string[]) => {
    const found = table.find(words[0] as string)
    assert.ok(found !== undefined)
    const isWrite = found.flags.includes('write')
    const runtime = { command: found, isWrite, mayWrite: isWrite || found.flags.includes('may_replicate') }
    return gates.ask(new Request(client as Client, words, runtime as unknown as CommandRuntime))
  }
}

test('during a reopening of LevelDB, commands whose keys may be on disk only are held', async () => {
  const { keyspace, run, checkpoint } = harness(families)
  const verdict = made({
    isReady: true,
    stalled: null,
    isDiskLow: false,
    isOverloaded: false,
    recordsFailure: null,
    keyspace,
    checkpointer: { isReopening: true },
  })
  keyspace.pageLimits = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
  run('SADD', 'large', ...Array.from({ length: 100 }, (_, i) => `member ${i}`))
  run('SADD', 'small', 'a')
  assert.is(verdict('SCARD', 'large'), null, 'all keys are in memory, as nothing was written')
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
  assert.equal([verdict('EVAL'), verdict('EVAL_RO')], ['hold', 'hold'], 'a script may read anything')
  const db = keyspace.database(0)
  keyspace.swap(0, 1)
  assert.is(verdict('SCARD', 'large'), 'hold', 'a transaction may have selected that database')
  for (let i = 0; i < 3; i++) db.residents.advanceHand(2 * db.residents.length, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
  assert.is(verdict('SCARD', 'small'), 'hold', 'some keys are not in memory')
})

test('while a group waits to be written, scripts and reads of keys that it changed are held', () => {
  const group = { close: () => [bytesInLog(['SELECT', '3'], ['SADD', 'changed', 'a'], ['SELECT', '0'])] }
  const { keyspace } = harness(families)
  const client = { remoteRole: 'client', database: 3, transaction: null as Transaction | null, retryGate() {} }
  const verdict = made(
    { isReady: false, stalled: 'EIO', isDiskLow: false, isOverloaded: false, recordsFailure: null, group, keyspace },
    client,
  )
  assert.equal([verdict('SCARD', 'changed'), verdict('SCARD', 'same')], ['hold', null])
  client.database = 0
  assert.is(verdict('SCARD', 'changed'), null)
  client.transaction = new Transaction()
  assert.is(verdict('SCARD', 'changed'), 'hold', 'a transaction may have selected that database')
  const refused = 'MISCONF Errors writing to the AOF file: EIO'
  assert.equal([verdict('SADD', 'x', 'y'), verdict('EVAL'), verdict('EVAL_RO')], [refused, refused, 'hold'])
})

function bytesInLog(...commands: string[][]): Buffer {
  return Buffer.concat(
    commands.map((words) => {
      const bytes = Buffer.alloc(encodedLength(words))
      writeCommand(words, bytes, 0)
      return bytes
    }),
  )
}

test.run()
