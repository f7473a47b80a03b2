/**
 * No command shows, reads or changes a value under a key that its user's patterns do not cover.
 * Every command of the table is tried, with requests made from its own syntax, by itself, in a
 * transaction and from a script.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { families } from '../../../commands/families.ts'
import { valueDigest } from '../../../commands/server/debug-digest.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { leavesOf, TABLE_KINDS, type TableKind, tableRequest } from '../../support/generators/table-requests.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'

const ROUNDS = 50
const MARK = 'S3CR3T'
const PROTECTED = 'secret:'
const OWN = 'own:'

const dataOf = (prefix: Bytes, mark: Bytes): readonly (readonly Bytes[])[] => [
  ['SET', `${prefix}str0`, `${mark} of str0`],
  ['SET', `${prefix}str1`, `${mark} of str1`],
  ['HSET', `${prefix}hash0`, 'a', mark, mark, '1'],
  ['RPUSH', `${prefix}list0`, '0', '1', mark],
  ['SADD', `${prefix}set0`, '0', '1', mark],
  ['ZADD', `${prefix}zset0`, '0', '0', '1', '1', '2', mark],
  ['XADD', `${prefix}stream0`, '1-1', 'a', mark],
  ['XADD', `${prefix}stream0`, '2-0', mark, 'b'],
  ['XGROUP', 'CREATE', `${prefix}stream0`, 'g', '0'],
  ['GEOADD', `${prefix}geo0`, '10.5', '40.5', 'a', '11', '41', mark],
  ['PFADD', `${prefix}hll0`, 'a', mark],
]

const PROTECTED_KEYS = TABLE_KINDS.map((kind) => `${PROTECTED}${kind}0`).concat(`${PROTECTED}str1`)

/** Commands on the connection itself, which would break the test's own state. */
const OF_CONNECTION = new Set(
  'auth hello reset quit select multi exec discard subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe client|reply client|tracking'.split(
    ' ',
  ),
)
/**
 * Commands on whole databases or for operators: they need no permission for keys, as in Redis
 * (docs/compatibility.md).
 */
const ABOUT_ALL = new Set(['flushall', 'flushdb', 'swapdb', 'monitor'])
/**
 * Commands that show names of keys, as in Redis. To find one by its whole name, they look it up.
 */
const SHOW_NAMES = new Set(['keys', 'scan', 'scanx', 'randomkey', 'pkscanrange', 'pkrscanrange', 'memory|stats'])

const leaves = leavesOf(families).filter(
  ({ name, flags }) => !OF_CONNECTION.has(name) && !ABOUT_ALL.has(name) && !flags.includes('admin') && !name.endsWith('|help'),
)
const byAdministrators: readonly (readonly Bytes[])[] = ['object', 'digest-value', 'sdslen', 'htstats-key', 'listpack', 'quicklist'].map(
  (name) => ['debug', name],
)

const SCRIPTS = [
  "return redis.call('get', KEYS[1])",
  "return redis.call('get', ARGV[1] or 'secret:str0')",
  "return redis.call('set', 'secret:str0', 'changed')",
  "return redis.pcall('pkscanrange', 'string_with_value', '', '')",
  "return redis.pcall('sort', 'own:list0', 'by', 'nosort', 'get', 'secret:str*')",
]

/** Returns value and deadline of the protected keys. */
function contentOf(db: Database): Bytes {
  return PROTECTED_KEYS.map((key) => `${key} ${valueDigest(db, key)} ${db.lookup(key)?.expireAtMs ?? 'none'}`).join('\n')
}

function watchLookups(db: Database): Set<Bytes> {
  const seen = new Set<Bytes>()
  const lookup = db.lookup.bind(db)
  db.lookup = (key) => {
    if (key.startsWith(PROTECTED)) seen.add(key)
    return lookup(key)
  }
  return seen
}

/** Sends a request by itself, in a transaction, or from a script. */
async function send(client: WireClient, words: readonly Bytes[], chance: Seeded): Promise<unknown> {
  const how = chance.integer(3)
  if (how === 0) return client.call(...words)
  if (how === 1) return (await client.pipeline([['MULTI'], words, ['EXEC']]))[2]
  return client.call('EVAL', 'return redis.pcall(unpack(ARGV))', '0', ...words)
}

const textsOf = (reply: unknown): string =>
  JSON.stringify(reply, (_name, value: unknown) => (value instanceof WireError ? value.text : value)) ?? ''

test("no command shows, reads or changes a value under a key outside of its user's patterns", async () => {
  const chance = seeded('acl-unnamed-keys')
  const { pick, random } = chance
  const keyOf = (kind: TableKind) => `${random() < 0.5 ? PROTECTED : OWN}${kind}${kind === 'str' && random() < 0.5 ? 1 : 0}`
  const pools = {
    key: keyOf,
    pattern: () => pick(['*', '#', 'secret:*', 'secret:str*', 'secret:hash*->a', 'own:str*', 'secret:str0', 'nosort']),
    script: () => pick(SCRIPTS),
  }
  await withNode({ 'enable-debug-command': 'yes' }, async ({ node, client: bob, other: admin }) => {
    await admin.pipeline(dataOf(PROTECTED, MARK))
    const rules = ['on', 'nopass', `~${OWN}*`, '+@all', '-@admin', '+debug', '-flushall', '-flushdb', '-swapdb', '-client|reply']
    assert.is(await admin.call('ACL', 'SETUSER', 'bob', ...rules), 'OK')
    const library =
      "#!lua name=l\nredis.register_function('readkey', function(keys) return redis.call('get', keys[1] or 'secret:str0') end)"
    await admin.call('FUNCTION', 'LOAD', library)
    assert.is(await bob.call('AUTH', 'bob', ''), 'OK')
    const db = node.parts.storage.keyspace.database(0)
    const before = contentOf(db)
    const looked = watchLookups(db)
    let answered = 0
    for (let round = 0; round < ROUNDS; round++) {
      await admin.pipeline([...TABLE_KINDS.map((kind) => ['DEL', `${OWN}${kind}0`]), ...dataOf(OWN, 'mine')])
      const requests = [
        ...leaves.map((leaf) => ({ name: leaf.name, words: tableRequest(leaf, chance, pools) })),
        ...byAdministrators.map((words) => ({ name: 'debug', words: [...words, keyOf(pick(TABLE_KINDS))] })),
        { name: 'debug', words: ['debug', 'populate', '3', pick([`${PROTECTED}made`, `${OWN}made`])] },
      ]
      for (const { name, words } of requests) {
        looked.clear()
        const reply = await send(bob, words, chance)
        const line = words.join(' ')
        const texts = textsOf(reply)
        assert.not(texts.includes(MARK), `${line} shows a value: ${texts}`)
        if (!SHOW_NAMES.has(name)) assert.equal([...looked], [], `${line} looks at a key`)
        assert.is(contentOf(db), before, `${line} changes a protected key`)
        assert.is(db.lookup(`${PROTECTED}made:0`), undefined, `${line} makes a protected key`)
        if (!texts.includes('NOPERM')) answered++
      }
    }
    assert.ok(answered > ROUNDS * 100, `${answered} requests were allowed`)
  })
})

test('PKSCANRANGE with values is refused at the first unreadable key, and ACL LOG names that key', async () => {
  await withNode({ 'enable-debug-command': 'yes' }, async ({ client: bob, other: admin }) => {
    await admin.call('MSET', 'a:1', 'one', 'a:2', 'two', 'b:secret', MARK)
    await admin.call('ACL', 'SETUSER', 'bob', 'on', 'nopass', '%R~a:*', '+pkscanrange', '+pkrscanrange', '+debug', '+multi', '+exec')
    await bob.call('AUTH', 'bob', '')
    const denied = 'NOPERM No permissions to access a key'
    const outcome = async (...words: Bytes[]) => {
      const reply = await bob.call(...words)
      return reply instanceof WireError ? reply.text : reply
    }
    assert.is(await outcome('PKSCANRANGE', 'string_with_value', '', ''), denied)
    assert.is(await outcome('PKRSCANRANGE', 'string_with_value', '', ''), denied)
    assert.equal(await outcome('PKSCANRANGE', 'string_with_value', 'a:', 'a:~'), ['', ['a:1', 'one', 'a:2', 'two']])
    assert.equal(await outcome('PKRSCANRANGE', 'string_with_value', '', '', 'MATCH', 'a:*'), ['', ['a:2', 'two', 'a:1', 'one']])
    assert.equal(await outcome('PKSCANRANGE', 'string', '', ''), ['', ['a:1', 'a:2', 'b:secret']])
    const inTransaction = await bob.pipeline([['MULTI'], ['PKSCANRANGE', 'string_with_value', 'b:', ''], ['EXEC']])
    assert.equal(inTransaction[2], [new WireError(denied)])
    assert.is(await outcome('DEBUG', 'OBJECT', 'b:secret'), denied)
    assert.is(await outcome('DEBUG', 'DIGEST-VALUE', 'a:1', 'b:secret'), denied)
    assert.is(await outcome('DEBUG', 'POPULATE', '2', 'a'), denied)
    const log = (await admin.call('ACL', 'LOG')) as unknown[][]
    const entries = log.map((entry) => [entry[5], entry[7], entry[3], entry[1]].join(' '))
    assert.equal(entries, ['toplevel a:0 key 1', 'toplevel b:secret key 4', 'multi b:secret key 1'])
  })
})

test('a request whose arguments contradict one key spec is checked by its other keys', async () => {
  await withNode({}, async ({ client: bob, other: admin }) => {
    await admin.call('PFADD', 'b:sketch', 'x')
    await admin.call('ACL', 'SETUSER', 'bob', 'on', 'nopass', '~a:*', '+@all')
    await bob.call('AUTH', 'bob', '')
    assert.equal(await bob.call('PFMERGE', 'b:sketch'), new WireError('NOPERM No permissions to access a key'))
    assert.is(await bob.call('PFMERGE', 'a:sketch'), 'OK')
  })
})

test.run()
