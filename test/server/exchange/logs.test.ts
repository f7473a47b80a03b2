/** Importing logs of commands: AOFs of one file or several, and streams as redis-cli --pipe has. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RdbWriter } from '../../../rdb/writer.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { checkClean, importFile } from '../../support/servers/imports.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'
import { encodeCommand } from '../../support/servers/wire-client.ts'

let scratch = ''
let serial = 0
test.before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'haypile-logs-'))
})
test.after(() => rmSync(scratch, { recursive: true }))

const freshPath = (name: string) => join(scratch, `${serial++}-${name}`)
const log = (...commands: (string | number)[][]) => Buffer.concat(commands.map((words) => encodeCommand(...words)))

function fileOf(name: string, content: Buffer | string): string {
  const path = freshPath(name)
  writeFileSync(path, content)
  return path
}

/** Returns an RDB with one key, as the base of an AOF has it. */
function baseRdb(): Buffer {
  const writer = new RdbWriter()
  writer.begin()
  const chunks = [
    ...writer.write({ kind: 'aux', name: 'aof-base', value: '1' }),
    ...writer.write({ kind: 'database', index: 0 }),
    ...writer.write({ kind: 'key', key: 'base', expireAtMs: null, value: { type: 'string', sizeBytes: 1, pieces: ['b'] } }),
  ]
  return Buffer.concat([...chunks, ...writer.end()])
}

async function within(directory: string, look: (client: WireClient) => Promise<void>): Promise<void> {
  await checkClean(directory)
  await withNode({ dir: directory }, async ({ node, client }) => {
    await look(client)
    await node.close()
  })
  await checkClean(directory)
}

test('an AOF of several files is read in the order of its manifest, and history is left out', async () => {
  const folder = freshPath('appendonlydir')
  mkdirSync(folder)
  const files: Record<string, Buffer | string> = {
    'a.aof.2.base.rdb': baseRdb(),
    'a.aof.9.incr.aof': log(['SELECT', 0], ['APPEND', 'base', '9']),
    'a.aof.10.incr.aof': Buffer.concat([Buffer.from('#TS:1700000000\r\n'), log(['SELECT', 1], ['RPUSH', 'list', 'x', 'y'])]),
    'a.aof.1.incr.aof': log(['SET', 'old', '1']),
    'a.aof.manifest':
      'file a.aof.10.incr.aof seq 10 type i\nfile a.aof.1.incr.aof seq 1 type h\n' +
      'file a.aof.2.base.rdb seq 2 type b\nfile a.aof.9.incr.aof seq 9 type i\n',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  for (const path of [folder, join(folder, 'a.aof.manifest')]) {
    const directory = freshPath('data')
    const { status, out, error } = await importFile(path, directory)
    assert.is(status, 0, error)
    assert.match(out, /: 2 keys, [\s\S]*\ncommands: 4\n$/)
    await within(directory, async (client) => {
      assert.equal(await client.call('KEYS', '*'), ['base'])
      assert.is(await client.call('GET', 'base'), 'b9')
      await client.call('SELECT', 1)
      assert.equal(await client.call('LRANGE', 'list', 0, -1), ['x', 'y'])
    })
  }
})

test('a log may end before a whole header of an RDB would', async () => {
  for (const content of ['*1\r\n$4\r\n', '*2\r\n$3\r', '*1\r\n$4']) {
    const directory = freshPath('data')
    const { status, out, error } = await importFile(fileOf('short.aof', content), directory)
    assert.is(status, 0, `${JSON.stringify(content)}: ${error}`)
    assert.match(error, /the log ends within a command/)
    assert.match(out, /: 0 keys, /)
    await checkClean(directory)
  }
})

test('an AOF of one file may begin with an RDB, and a transaction without its end has no effect', async () => {
  const commands = log(
    ['SELECT', 0],
    ['SET', 'a', '1', 'PXAT', 4_000_000_000_000],
    ['MULTI'],
    ['INCR', 'a'],
    ['EXEC'],
    ['MULTI'],
    ['DEL', 'a'],
  )
  const path = fileOf('appendonly.aof', Buffer.concat([baseRdb(), commands, Buffer.from('*2\r\n$3\r\nDEL\r\n$4\r\nba')]))
  const directory = freshPath('data')
  const { status, error } = await importFile(path, directory)
  assert.is(status, 0)
  assert.match(error, /the log ends within a command, which was left out/)
  await within(directory, async (client) => {
    assert.equal(
      await client.pipeline([
        ['GET', 'a'],
        ['PEXPIRETIME', 'a'],
        ['GET', 'base'],
      ]),
      ['2', 4_000_000_000_000, 'b'],
    )
  })
})

test('a stream of commands runs in order, and what is refused is counted by its text', async () => {
  const stream = log(['SET', 'a', '1'], ['LPUSH', 'a', 'x'], ['LPUSH', 'a', 'y'], ['SHUTDOWN'], ['GET', 'a'], ['SET', 'b'], ['NONSENSE'])
  const path = fileOf('commands.resp', Buffer.concat([stream, Buffer.from('SADD set "two words" x\r\n')]))
  const directory = freshPath('data')
  const { status, out } = await importFile(path, directory, { isJson: true })
  assert.is(status, 1)
  const { keys, commands, refusals } = JSON.parse(out) as { keys: number; commands: number; refusals: object }
  assert.equal([keys, commands], [2, 8])
  assert.equal(refusals, {
    'WRONGTYPE Operation against a key holding the wrong kind of value': 2,
    "ERR 'shutdown' is no command that an import runs": 1,
    "ERR 'get' is no command that an import runs": 1,
    "ERR wrong number of arguments for 'set' command": 1,
    "ERR unknown command 'nonsense'": 1,
  })
  await within(directory, async (client) => {
    assert.equal(((await client.call('SMEMBERS', 'set')) as string[]).sort(), ['two words', 'x'])
  })
})

test('far more changes than one checkpoint holds go into a directory', async () => {
  const value = 'v'.repeat(1000)
  const path = fileOf('commands.resp', log(...Array.from({ length: 60_000 }, (_, index) => ['SET', `key:${index % 40_000}`, value])))
  const directory = freshPath('data')
  const { status, out, error } = await importFile(path, directory)
  assert.is(status, 0, error)
  assert.match(out, /: 40000 keys, [\s\S]*\ncommands: 60000\n$/)
  await within(directory, async (client) => assert.is(await client.call('DBSIZE'), 40_000))
})

test('a damaged log leaves the directory as it was', async () => {
  const path = fileOf('commands.resp', Buffer.concat([log(['SET', 'a', '1']), Buffer.from('*1\r\n$x\r\n'), log(['SET', 'b', '1'])]))
  const missing = freshPath('missing')
  const { status, error } = await importFile(path, missing)
  assert.is(status, 1)
  assert.match(error, /no command at byte 27 of the commands: .*; nothing was imported/)
  assert.not.ok(existsSync(missing))
  const used = freshPath('used')
  assert.is((await importFile(fileOf('empty.resp', log(['PING'])), used)).status, 0)
  const before = readdirSync(used)
  assert.is((await importFile(path, used)).status, 1)
  assert.equal(readdirSync(used), before)
  await checkClean(used)
})

test('a log goes to a running server as it is', async () => {
  await withNode({}, async ({ node, client }) => {
    const target = { server: `redis://127.0.0.1:${node.port}` }
    const commands = log(['MULTI'], ['SET', 'a', '1'], ['INCR', 'a'], ['EXEC'], ['SELECT', 2], ['LPUSH', 'l', 'x'], ['SET', 'l'])
    const { status, out } = await importFile(fileOf('appendonly.aof', Buffer.concat([baseRdb(), commands])), '', { target })
    assert.is(status, 1)
    assert.match(out, /: 1 keys, [\s\S]*\ncommands: 7\nrefused 1 times: ERR wrong number of arguments for 'set' command\n$/)
    assert.equal(
      await client.pipeline([
        ['GET', 'a'],
        ['GET', 'base'],
        ['SELECT', 2],
        ['LLEN', 'l'],
      ]),
      ['2', 'b', 'OK', 1],
    )
  })
})

test('a command of very many words goes to a running server', async () => {
  await withNode({}, async ({ node, client }) => {
    const path = fileOf('commands.resp', `*200002\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n${'$1\r\nx\r\n'.repeat(200_000)}`)
    const { status, out, error } = await importFile(path, '', { target: { server: `redis://127.0.0.1:${node.port}` } })
    assert.is(status, 0, out + error)
    assert.is(await client.call('LLEN', 'list'), 200_000)
  })
})

/** A log whose selected keys come from others, from another database, and after a FLUSHALL. */
const MIXED = log(
  ['SET', 'user:gone', '1'],
  ['FLUSHALL'],
  ['SADD', 'a', 'x'],
  ['SADD', 'b', 'y'],
  ['SUNIONSTORE', 'user:set', 'a', 'b'],
  ['SET', 'temporary', 'v', 'PXAT', 4_000_000_000_000],
  ['RENAME', 'temporary', 'user:renamed'],
  ['SET', 'user:expired', 'v', 'PXAT', 1],
  ['MSET', 'user:1', '1', 'other', '2'],
  ['SELECT', 2],
  ['SET', 'user:moved', '1'],
  ['MOVE', 'user:moved', 1],
  ['SET', 'user:two', '1'],
  ['LPUSH', 'user:two', 'x'],
  ['FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)"],
)

test('--match and --db select from the keys with which a log ends', async () => {
  const path = fileOf('commands.resp', Buffer.concat([baseRdb(), MIXED]))
  const directory = freshPath('data')
  const matched = await importFile(path, directory, { selection: { pattern: 'user:*' }, isJson: true })
  assert.is(matched.status, 1, matched.error)
  const { keys, expired, filtered, libraries, commands, refusals } = JSON.parse(matched.out) as Record<string, unknown>
  assert.equal([keys, expired, filtered, libraries, commands], [5, 1, 3, 1, 15])
  assert.equal(refusals, { 'WRONGTYPE Operation against a key holding the wrong kind of value': 1 })
  await within(directory, async (client) => {
    assert.equal(((await client.call('KEYS', '*')) as string[]).sort(), ['user:1', 'user:renamed', 'user:set'])
    assert.is(await client.call('PEXPIRETIME', 'user:renamed'), 4_000_000_000_000)
    assert.equal(((await client.call('SMEMBERS', 'user:set')) as string[]).sort(), ['x', 'y'])
    await client.call('SELECT', 1)
    assert.equal(await client.call('KEYS', '*'), ['user:moved'])
  })
  const one = freshPath('data')
  assert.match(
    (await importFile(path, one, { selection: { database: 2 } })).out,
    /: 1 keys, [\s\S]*\nkeys left out: 1 expired, 7 not selected\n/,
  )
  await within(one, async (client) => {
    await client.call('SELECT', 2)
    assert.equal(await client.call('KEYS', '*'), ['user:two'])
  })
})

test('selected keys of a log go to a running server as keys, which are replaced only if asked', async () => {
  const path = fileOf('commands.resp', MIXED)
  await withNode({}, async ({ node, client }) => {
    await client.call('SET', 'user:1', 'kept')
    const options = { target: { server: `redis://127.0.0.1:${node.port}` }, selection: { pattern: 'user:1' } }
    const first = await importFile(path, '', options)
    assert.is(first.status, 1)
    assert.match(first.out, /: 0 keys, [\s\S]*refused 1 times: BUSYKEY/)
    assert.match((await importFile(path, '', { ...options, mustReplace: true })).out, /: 1 keys, /)
    assert.is(await client.call('GET', 'user:1'), '1')
    assert.is(await client.call('DBSIZE'), 1)
  })
})

test('a trial run of a log counts its keys and refusals, and leaves nothing behind', async () => {
  const path = fileOf('commands.resp', MIXED)
  const directory = freshPath('none')
  const { status, out } = await importFile(path, directory, { isDryRun: true })
  assert.is(status, 1)
  assert.match(out, /^would import .*: 8 keys, [\s\S]*\nkeys left out: 1 expired\ncommands: 15\nrefused 1 times: WRONGTYPE /)
  assert.not.ok(existsSync(directory))
  const damaged = await importFile(fileOf('bad.resp', Buffer.concat([MIXED, Buffer.from('*1\r\n$x\r\n')])), directory, { isDryRun: true })
  assert.is(damaged.status, 1)
  assert.match(damaged.error, /no command at byte \d+ of the commands/)
})

test('a key of the base that is expired by now lives on if the log gives it a later deadline', async () => {
  const writer = new RdbWriter()
  writer.begin()
  const chunks = [...writer.write({ kind: 'aux', name: 'aof-base', value: '1' }), ...writer.write({ kind: 'database', index: 0 })]
  for (const key of ['prolonged', 'persisted', 'expired']) {
    chunks.push(...writer.write({ kind: 'key', key, expireAtMs: 1000, value: { type: 'string', sizeBytes: 1, pieces: ['v'] } }))
  }
  const commands = log(['PEXPIREAT', 'prolonged', 4_000_000_000_000], ['PERSIST', 'persisted'])
  const path = fileOf('appendonly.aof', Buffer.concat([...chunks, ...writer.end(), commands]))
  for (const selection of [{}, { pattern: '*' }]) {
    const directory = freshPath('data')
    assert.is((await importFile(path, directory, { selection })).status, 0)
    await within(directory, async (client) => {
      assert.equal(await client.pipeline(['prolonged', 'persisted', 'expired'].map((key) => ['GET', key])), ['v', 'v', null])
    })
  }
})

test.run()
