/** DEBUG and its subcommands, and the digest that compares data sets. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OK, type Reply, type SimpleString } from '../../../commands/contract/reply.ts'
import { hashExpiry } from '../../../commands/hashes/expiry.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { listMoves } from '../../../commands/lists/moves.ts'
import { debug } from '../../../commands/server/debug.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { sortedSets } from '../../../commands/sorted-sets/sorted-sets.ts'
import { streamGroups } from '../../../commands/streams/groups.ts'
import { streamReads } from '../../../commands/streams/reads.ts'
import { streams } from '../../../commands/streams/streams.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { encodeReply } from '../../../server/protocol/reply-encoder.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

function start(setting = 'yes'): Harness {
  const made = harness([
    strings,
    hashes,
    hashExpiry,
    sets,
    sortedSets,
    lists,
    listMoves,
    streams,
    streamReads,
    streamGroups,
    keys,
    expiry,
    debug,
  ])
  made.server.config.load([['enable-debug-command', setting]])
  return made
}

const outcome = (work: Promise<Reply>) => work.catch((error: Error) => error.message)

function bytesOf(reply: Reply, resp: 2 | 3): string {
  let bytes = ''
  encodeReply(reply, resp, {
    appendText: (part) => (bytes += part),
    appendBulk: (head, content) => (bytes += `${head}${content}\r\n`),
    chunk: (part) => (bytes += part.latin1Slice()),
    isGathering: false,
    gather() {},
    bulk() {},
    isFull: false,
    isSuspended: false,
    suspend() {},
  })
  return bytes
}

test('DEBUG is refused unless enable-debug-command allows it to all or to local clients', async () => {
  const refused =
    /^ERR DEBUG command not allowed\. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise/
  const { runAsync } = start('no')
  assert.match((await outcome(runAsync('DEBUG', 'SLEEP', '0'))) as string, refused)
  const local = start('local')
  const addresses: [string, boolean][] = [
    ['127.0.0.1:5', true],
    ['[::1]:5', true],
    ['/tmp/redis.sock:0', true],
    ['10.0.0.1:5', false],
    ['[fe80::1]:5', false],
  ]
  for (const [address, allowed] of addresses) {
    local.session.address = address
    assert.is((await outcome(local.runAsync('DEBUG', 'SLEEP', '0'))) === OK, allowed, address)
  }
})

test('DEBUG refuses unknown subcommands with one text', async () => {
  const { runAsync } = start()
  for (const words of [['FOO'], ['PROTOCOL'], ['JMAP'], ['SLEEP'], ['SLEEP', '1', '2'], ['constructor']]) {
    const text = `ERR unknown subcommand or wrong number of arguments for '${words[0]}'. Try DEBUG HELP.`
    assert.is(await outcome(runAsync('DEBUG', ...words)), text)
  }
})

test('DEBUG PROTOCOL writes every kind of reply like Redis', async () => {
  const expected: [string, string, string][] = [
    ['string', '$11\r\nHello World\r\n', '$11\r\nHello World\r\n'],
    ['integer', ':12345\r\n', ':12345\r\n'],
    ['double', '$5\r\n3.141\r\n', ',3.141\r\n'],
    ['bignum', '$37\r\n1234567999999999999999999999999999999\r\n', '(1234567999999999999999999999999999999\r\n'],
    ['null', '$-1\r\n', '_\r\n'],
    ['array', '*3\r\n:0\r\n:1\r\n:2\r\n', '*3\r\n:0\r\n:1\r\n:2\r\n'],
    ['set', '*3\r\n:0\r\n:1\r\n:2\r\n', '~3\r\n:0\r\n:1\r\n:2\r\n'],
    ['map', '*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n', '%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n'],
    [
      'attrib',
      '$39\r\nSome real reply following the attribute\r\n',
      '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n',
    ],
    ['verbatim', '$25\r\nThis is a verbatim\nstring\r\n', '=29\r\ntxt:This is a verbatim\nstring\r\n'],
    ['true', ':1\r\n', '#t\r\n'],
    ['FALSE', ':0\r\n', '#f\r\n'],
  ]
  const { runAsync, session } = start()
  for (const [name, resp2, resp3] of expected) {
    session.resp = 2
    assert.is(bytesOf(await runAsync('DEBUG', 'PROTOCOL', name), 2), resp2)
    session.resp = 3
    assert.is(bytesOf(await runAsync('DEBUG', 'PROTOCOL', name), 3), resp3)
  }
  const push = '>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n'
  assert.is(bytesOf(await runAsync('DEBUG', 'PROTOCOL', 'push'), 3), push)
  session.resp = 2
  assert.is(await outcome(runAsync('DEBUG', 'PROTOCOL', 'push')), 'ERR RESP2 is not supported by this command')
  assert.match(
    (await outcome(runAsync('DEBUG', 'PROTOCOL', 'x'))) as string,
    /^ERR Wrong protocol type name\..*: string\|integer\|.*\|false$/,
  )
})

test('DEBUG DIGEST is equal for equal content, whatever its order and place', async () => {
  const digest = async ({ runAsync }: Harness) => ((await runAsync('DEBUG', 'DIGEST')) as SimpleString).text
  const one = start()
  assert.is(await digest(one), '0'.repeat(40))
  one.run('MSET', 'a', '1', 'b', '2', 'long', 'x'.repeat(100_000))
  one.run('EXPIRE', 'a', '100')
  const first = await digest(one)
  assert.match(first, /^[0-9a-f]{40}$/)
  const other = start()
  for (const key of ['x', 'long', 'b', 'a']) other.run('SET', key, 'before')
  other.run('MSET', 'long', 'x'.repeat(100_000), 'b', '2', 'a', '1')
  other.run('DEL', 'x')
  other.run('PEXPIRE', 'a', '5000')
  assert.is(await digest(other), first)
  await one.toDisk()
  assert.is(await digest(one), first)
  one.run('PERSIST', 'a')
  assert.is.not(await digest(one), first)
})

test('DEBUG DIGEST answers LOADING while LevelDB is being reopened', async () => {
  const { run, runAsync, toDisk, records } = start()
  run('SET', 'a', '1')
  await toDisk()
  await records.close()
  const refused = await runAsync('DEBUG', 'DIGEST').catch((error: Error) => error)
  assert.match((refused as Error).message, /^LOADING /)
  assert.match((await outcome(runAsync('DEBUG', 'OBJECT', 'a'))) as string, /^LOADING /)
  await records.reopen()
  assert.match(((await runAsync('DEBUG', 'DIGEST')) as SimpleString).text, /^[0-9a-f]{40}$/)
})

test('DEBUG DIGEST distinguishes databases', async () => {
  const { run, runAsync, session } = start()
  run('SET', 'a', '1')
  const zero = (await runAsync('DEBUG', 'DIGEST')) as SimpleString
  run('MOVE', 'a', '1')
  const one = (await runAsync('DEBUG', 'DIGEST')) as SimpleString
  assert.is.not(one.text, zero.text)
  session.database = 1
  run('DEL', 'a')
  assert.is(((await runAsync('DEBUG', 'DIGEST')) as SimpleString).text, '0'.repeat(40))
})

test('DEBUG DIGEST-VALUE depends on the value alone', async () => {
  const { run, runAsync } = start()
  run('MSET', 'a', '1', 'b', '1', 'c', '2')
  const [a, b, c, x] = ((await runAsync('DEBUG', 'DIGEST-VALUE', 'a', 'b', 'c', 'x')) as SimpleString[]).map(({ text }) => text)
  assert.is(a, b)
  assert.is.not(a, c)
  assert.is(x, '0'.repeat(40))
})

test('DEBUG DIGEST of a collection depends on its elements only, not on its history or pages', async () => {
  const digest = async ({ runAsync }: Harness) => ((await runAsync('DEBUG', 'DIGEST')) as SimpleString).text
  const names = Array.from({ length: 500 }, (_, i) => `m${i}`)
  const [one, other] = [start(), start()]
  other.keyspace.pageLimits = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
  for (const name of names) one.run('SADD', 's', name)
  one.run('SREM', 's', 'm7')
  other.run('SADD', 's', ...names.reverse().filter((name) => name !== 'm7'))
  for (const { run } of [one, other]) {
    run('HSET', 'h', 'a', '1', 'b', '2')
    run('HPEXPIREAT', 'h', '2000000000000', 'FIELDS', '1', 'b')
  }
  const first = await digest(one)
  assert.is(await digest(other), first)
  await other.toDisk()
  assert.is(await digest(other), first)
  other.run('HPEXPIREAT', 'h', '2000000000001', 'FIELDS', '1', 'b')
  assert.is.not(await digest(other), first)
  other.run('HPEXPIREAT', 'h', '2000000000000', 'FIELDS', '1', 'b')
  assert.is(await digest(other), first)
  other.run('SADD', 's', 'm7')
  assert.is.not(await digest(other), first)
})

test('DEBUG DIGEST distinguishes elements with the same joined bytes', async () => {
  const { run, runAsync } = start()
  run('HSET', 'a', 'xy', 'z')
  run('HSET', 'b', 'x', 'yz')
  run('SADD', 'c', 'x', 'yz')
  run('SADD', 'd', 'xy', 'z')
  const replies = (await runAsync('DEBUG', 'DIGEST-VALUE', 'a', 'b', 'c', 'd')) as SimpleString[]
  assert.is(new Set(replies.map(({ text }) => text)).size, 4)
})

test('DEBUG DIGEST covers scores, positions and the state of stream groups', async () => {
  const { run, runAsync } = start()
  const digestAfter = async (key: string, ...words: string[]) => {
    run(...words)
    return ((await runAsync('DEBUG', 'DIGEST-VALUE', key)) as SimpleString[])[0]?.text
  }
  const steps = [
    ['z', 'ZADD', 'z', '1', 'a', '2', 'b'],
    ['z', 'ZADD', 'z', '1.5', 'a'],
    ['l', 'RPUSH', 'l', 'a', 'b'],
    ['l', 'LMOVE', 'l', 'l', 'LEFT', 'RIGHT'],
    ['x', 'XADD', 'x', '1-1', 'f', 'v'],
    ['x', 'XGROUP', 'CREATE', 'x', 'g', '0'],
    ['x', 'XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>'],
    ['x', 'XACK', 'x', 'g', '1-1'],
    ['x', 'XSETID', 'x', '5-5'],
  ] as const
  const digests: (string | undefined)[] = []
  for (const [key, ...words] of steps) digests.push(await digestAfter(key, ...words))
  assert.is(new Set(digests).size, steps.length)
  assert.is(await digestAfter('z', 'ZADD', 'z', '1', 'a'), digests[0])
  assert.is(await digestAfter('l', 'LMOVE', 'l', 'l', 'LEFT', 'RIGHT'), digests[2])
})

test('DEBUG DIGEST ignores expired fields that are not deleted', async () => {
  const { run, runAsync, advance, keyspace } = start()
  const digest = async () => ((await runAsync('DEBUG', 'DIGEST')) as SimpleString).text
  run('HSET', 'h', 'a', '1')
  const before = await digest()
  run('HSET', 'h', 'b', '2')
  run('HSET', 'gone', 'b', '2')
  run('HPEXPIRE', 'h', '100', 'FIELDS', '1', 'b')
  run('HPEXPIRE', 'gone', '100', 'FIELDS', '1', 'b')
  keyspace.expiryMode = 'hide'
  advance(100)
  assert.is(await digest(), before)
})

test('DEBUG POPULATE creates keys and logs their writes', async () => {
  const { run, runAsync, keyspace, logged } = start()
  run('SET', 'key:1', 'mine')
  logged()
  assert.is(await runAsync('DEBUG', 'POPULATE', '3'), OK)
  assert.equal(logged(), [['MSET', 'key:0', 'value:0', 'key:2', 'value:2']])
  await runAsync('DEBUG', 'POPULATE', '2', 'p', '10')
  assert.is(run('GET', 'p:1'), 'value:1\0\0\0')
  await runAsync('DEBUG', 'POPULATE', '1', 'short', '3')
  assert.is(run('GET', 'short:0'), 'val')
  logged()
  await runAsync('DEBUG', 'POPULATE', '2000', 'many')
  const effects = logged()
  assert.is(effects.flat().filter((word) => word.startsWith('many:')).length, 2000)
  assert.is(keyspace.database(0).keyCount, 2006)
  assert.is(await runAsync('DEBUG', 'POPULATE', '3'), OK)
  assert.equal(logged(), [])
  for (const count of ['-1', 'x']) {
    assert.is(await outcome(runAsync('DEBUG', 'POPULATE', count)), 'ERR value is out of range, must be positive')
  }
})

test("DEBUG OBJECT has Redis's fields", async () => {
  const { run, runAsync, advance } = start()
  run('SET', 'a', 'bar')
  run('SET', 'n', '123')
  advance(2000)
  const text = ((await runAsync('DEBUG', 'OBJECT', 'a')) as SimpleString).text
  assert.match(text, /^Value at:0x[0-9a-f]+ refcount:1 encoding:embstr serializedlength:4 lru:\d+ lru_seconds_idle:2$/)
  assert.match(((await runAsync('DEBUG', 'OBJECT', 'n')) as SimpleString).text, / encoding:int serializedlength:2 /)
  assert.is(await outcome(runAsync('DEBUG', 'OBJECT', 'x')), 'ERR no such key')
  assert.is(await outcome(runAsync('DEBUG', 'LISTPACK', 'a')), 'ERR Not a listpack encoded object.')
})

test('DEBUG OBJECT shows an expired key that is not deleted', async () => {
  const { run, runAsync, advance } = start()
  run('SET', 'a', 'x', 'PX', '10')
  advance(20)
  assert.match(((await runAsync('DEBUG', 'OBJECT', 'a')) as SimpleString).text, /serializedlength:/)
  assert.is(run('EXISTS', 'a'), 0)
  assert.is(await outcome(runAsync('DEBUG', 'OBJECT', 'a')), 'ERR no such key')
})

test('DEBUG OBJECT and related subcommands describe collections', async () => {
  const { run, runAsync, server } = start()
  const text = async (...words: string[]) => {
    const reply = (await runAsync('DEBUG', ...words).catch((error: Error) => error.message)) as { text: string } | string
    return typeof reply === 'string' ? reply : reply.text
  }
  run('HSET', 'h', 'f', 'v')
  run('SADD', 's', ...Array.from({ length: 1000 }, (_, i) => `member ${i}`))
  run('SET', 'a', 'bar')
  assert.match(await text('OBJECT', 'h'), / encoding:listpack serializedlength:4 lru:\d+ lru_seconds_idle:0$/)
  assert.match(await text('OBJECT', 's'), / encoding:hashtable serializedlength:\d+ /)
  run('RPUSH', 'l', ...Array.from({ length: 3000 }, (_, i) => `element ${i}`))
  assert.match(
    await text('OBJECT', 'l'),
    / encoding:quicklist .* ql_nodes:\d\d ql_avg_node:\d+\.\d\d ql_listpack_max:-2 ql_compressed:0 ql_uncompressed_size:\d{5}$/,
  )
  assert.is(await text('QUICKLIST', 'l', '1'), 'Quicklist structure written to the log')
  assert.match(await text('HTSTATS-KEY', 's'), /^Tree 0 stats:\n number of elements: 1000\n levels: 2\n leaf pages: \d+\n inner pages: 1\n/)
  assert.is(await text('HTSTATS-KEY', 'h'), 'ERR The value stored at the specified key is not represented using an hash table')
  assert.is(await text('LISTPACK', 'h'), 'Listpack structure written to the log')
  assert.match(server.logLines.at(-1) ?? '', /number of elements: 1; levels: 1/)
  assert.is(await text('QUICKLIST', 's'), 'ERR Not a quicklist encoded object.')
  assert.is(await text('SDSLEN', 's'), 'ERR Not an sds encoded string.')
  assert.match(
    await text('SDSLEN', 'a'),
    /^key_sds_len:1, key_sds_avail:0, key_zmalloc: \d+, val_sds_len:3, val_sds_avail:0, val_zmalloc: 3$/,
  )
  assert.match(await text('HTSTATS', '0'), /^\[Dictionary HT\]\n number of elements: 4\n/)
  assert.is(await text('HTSTATS', '99'), 'ERR Out of range database')
  for (const name of ['OBJECT', 'HTSTATS-KEY', 'LISTPACK', 'QUICKLIST', 'SDSLEN']) assert.is(await text(name, 'none'), 'ERR no such key')
})

test('DEBUG subcommands act on the server', async () => {
  const { runAsync, server } = start()
  assert.is(await runAsync('DEBUG', 'SLEEP', '0.25'), OK)
  assert.equal(server.sleptMs, [250])
  assert.is(await runAsync('DEBUG', 'set-active-expire', '0'), OK)
  assert.is(server.activeExpire, 'off')
  await runAsync('DEBUG', 'SET-ACTIVE-EXPIRE', '1')
  assert.is(server.activeExpire, 'on')
  await runAsync('DEBUG', 'LOG', 'hello')
  assert.equal(server.logLines, ['hello'])
  await runAsync('DEBUG', 'CHANGE-REPL-ID')
  assert.equal(server.replication.calls.at(-1), ['clearReplicationId'])
  await runAsync('DEBUG', 'RELOAD')
  await runAsync('DEBUG', 'RELOAD', 'nosave', 'noflush')
  await runAsync('DEBUG', 'LOADAOF')
  assert.is(server.storage.reloads, 3)
  assert.is(server.storage.checkpoints, 1, 'only RELOAD without NOSAVE begins with a checkpoint')
  const text = 'ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.'
  assert.is(await outcome(runAsync('DEBUG', 'RELOAD', 'FOO')), text)
})

test('DEBUG RELOAD NOFLUSH fails where a library of functions exists, unless MERGE is given', async () => {
  const { runAsync, server, keyspace } = start()
  keyspace.libraries.set('lib', '#!lua name=lib')
  assert.is(await outcome(runAsync('DEBUG', 'RELOAD', 'NOFLUSH')), 'ERR Error trying to load the RDB dump')
  assert.is(await outcome(runAsync('DEBUG', 'RELOAD', 'NOSAVE', 'NOFLUSH')), 'ERR Error trying to load the RDB dump')
  assert.is(server.storage.reloads, 0)
  assert.is(await runAsync('DEBUG', 'RELOAD', 'NOSAVE', 'NOFLUSH', 'MERGE'), OK)
  assert.is(server.storage.reloads, 1)
})

test('DEBUG ERROR returns any error, and subcommands without effect are accepted', async () => {
  const { runAsync } = start()
  assert.is(await outcome(runAsync('DEBUG', 'ERROR', 'ANY text')), 'ANY text')
  for (const words of [
    ['QUICKLIST-PACKED-THRESHOLD', '100b'],
    ['PAUSE-CRON', '1'],
    ['SET-DISABLE-DENY-SCRIPTS', '1'],
    ['DICT-RESIZING', '0'],
    ['SET-SKIP-CHECKSUM-VALIDATION', '0'],
    ['REPLYBUFFER', 'resizing', '0'],
  ]) {
    assert.is(await runAsync('DEBUG', ...words), OK)
  }
  const text = 'ERR argument must be a memory value bigger than 1 and smaller than 4gb'
  assert.is(await outcome(runAsync('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', 'x')), text)
  assert.is(await runAsync('DEBUG', 'STRINGMATCH-LEN', 'a*', 'abc'), 1)
  assert.is(await runAsync('DEBUG', 'STRINGMATCH-LEN', 'b*', 'abc'), 0)
  assert.is(
    ((await runAsync('DEBUG', 'HELP')) as SimpleString[])[0]!.text,
    'DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  )
})

test.run()
