/** The requests that a user may run, and the reasons for refusals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { denialText, detailedDenial } from '../../../commands/acl/denial-texts.ts'
import { openDefaultUser, SUPERUSER, User } from '../../../commands/acl/user.ts'
import { applyRules } from '../../../commands/acl/user-rules.ts'
import type { Denial } from '../../../commands/contract/access.ts'
import { type Command, command } from '../../../commands/contract/command.ts'
import { keyUsesOf } from '../../../commands/contract/key-finder.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import { families } from '../../../commands/families.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { FIELD_WRITES, makeRequest, READS, WRITES } from '../../support/generators/request-grammar.ts'
import { seeded } from '../../support/generators/seed.ts'
import { harness } from '../../support/harness/harness.ts'

const table = new CommandTable(families)
const context = { table, channelDefault: () => 'no-channels' as const, warn() {} }

function userOf(...rules: Bytes[]): User {
  const user = new User('bob', 'no-channels')
  applyRules(user, rules, context)
  return user
}

function find(...words: Bytes[]): Command {
  const container = table.find(words[0] as Bytes)
  const found = container?.subcommands === undefined ? container : table.findSubcommand(container, words[1] as Bytes)
  if (found === undefined) throw new Error(`no command ${words.join(' ')}`)
  return found
}

/** Returns `ok`, or the reason with its object: `key a`. */
function verdict(user: User, request: Bytes): string {
  const words = request.split(' ')
  const denial = user.denialOf(find(...words), words)
  return denial === null ? 'ok' : `${denial.reason} ${denial.object}`
}

function all(user: User, cases: Readonly<Record<Bytes, string>>): void {
  for (const [request, expected] of Object.entries(cases)) assert.is(verdict(user, request), expected, request)
}

test('the default user is restricted only in what is taken from it', () => {
  const user = openDefaultUser()
  applyRules(user, ['-flushall'], context)
  assert.is(user.isUnrestricted, false)
  all(user, { flushall: 'command flushall', 'get a': 'ok', 'config get x': 'ok' })
})

test('commands are allowed one by one, containers as a whole or by subcommand', () => {
  all(userOf('allkeys', '+get', '+config|get', '+client', '-client|kill'), {
    'get a': 'ok',
    'set a b': 'command set',
    'config get x': 'ok',
    'config set a b': 'command config|set',
    'client id': 'ok',
    'client kill x': 'command client|kill',
  })
  all(userOf('allkeys', '+@all', '-@write', '+incr'), { 'get a': 'ok', 'set a b': 'command set', 'incr a': 'ok' })
})

test('commands that are valid before AUTH are allowed to every user', () => {
  all(userOf('-@all'), { 'auth x': 'ok', hello: 'ok', quit: 'ok', reset: 'ok', ping: 'command ping' })
})

test('reads need %R, writes %W, and commands that do both need both on one pattern', () => {
  const user = userOf('+@all', '%R~r*', '%W~w*', '~b*', '%R~x', '%W~x?')
  all(user, {
    'get r': 'ok',
    'get w': 'key w',
    'get b': 'ok',
    'get n': 'key n',
    'set w 1': 'ok',
    'set r 1': 'key r',
    'set w 1 get': 'key w',
    'set b 1 get': 'ok',
    'mget r b w': 'key w',
    'getdel w': 'key w',
    'getdel b': 'ok',
    'incr w': 'key w',
    'incr b': 'ok',
    'copy r w': 'ok',
    'copy w r': 'key w',
    'del w': 'ok',
    'del r': 'key r',
    'exists r': 'ok',
    'exists w': 'ok',
    'exists n': 'key n',
    'bitfield r get u8 0': 'ok',
    'bitfield r set u8 0 1': 'key r',
    'sort r store w': 'ok',
    'sort r store r': 'key r',
    'georadius r 1 1 1 km store w': 'ok',
    'georadius r 1 1 1 km': 'ok',
    'zunionstore w 2 r b': 'ok',
    'zunionstore w 2 r w': 'key w',
    'xread streams r n 0 0': 'key n',
    'zunionstore w 9 r': 'ok', // makes no sense: the command says so
  })
})

test('one selector must allow the whole request, and the denial that came furthest is reported', () => {
  const user = userOf('+set', '~a', '(+get ~b)', '(+mget ~b ~c)')
  all(user, {
    'set a 1': 'ok',
    'set b 1': 'key b',
    'get a': 'key a',
    'get b': 'ok',
    'mget b c': 'ok',
    'mget b a c': 'key a',
    'mget b c d a': 'key d',
    'incr a': 'command incr',
  })
  assert.is(userOf('~a', '(+@all ~* &*)').isUnrestricted, true)
  assert.is(userOf('+@all', '(~* &*)').isUnrestricted, false)
})

test('channels must match a pattern, and patterns must equal one', () => {
  const words = { group: 'pubsub', since: '1.0.0', summary: '', syntax: '', arity: -2, flags: ['pubsub'], run: () => null } as const
  const subscribe = command({ ...words, name: 'subscribe', channels: { kind: 'channel', count: 'all' } })
  const psubscribe = command({ ...words, name: 'psubscribe', channels: { kind: 'pattern', count: 'all' } })
  const publish = command({ ...words, name: 'publish', channels: { kind: 'channel', count: 'one' } })
  const own = new CommandTable([[subscribe, psubscribe, publish]])
  const user = new User('bob', 'no-channels')
  applyRules(user, ['+@all', '&a*', '&exact', '(+publish &p)'], { ...context, table: own })
  const told = (one: Command, ...names: Bytes[]) => user.denialOf(one, [one.name, ...names])?.object ?? 'ok'
  assert.is(told(subscribe, 'a1', 'exact'), 'ok')
  assert.is(told(subscribe, 'a1', 'b', 'c'), 'b')
  assert.is(told(psubscribe, 'a*', 'exact'), 'ok')
  assert.is(told(psubscribe, 'a1*'), 'a1*')
  assert.is(told(psubscribe, 'a1'), 'a1')
  assert.is(told(publish, 'a', 'message'), 'ok')
  assert.is(told(publish, 'p', 'message'), 'ok')
  assert.is(told(publish, 'q', 'a'), 'q')
})

test('a denial names its object only in DRYRUN', () => {
  const user = userOf('-@all')
  const denial = (reason: Denial['reason'], object: Bytes): Denial => ({ reason, object, position: 1 })
  assert.is(denialText(user, denial('command', 'config|get')), "User bob has no permissions to run the 'config|get' command")
  assert.is(denialText(user, denial('key', 'k')), 'No permissions to access a key')
  assert.is(denialText(user, denial('channel', 'c')), 'No permissions to access a channel')
  assert.is(detailedDenial(user, denial('command', 'get')), "User bob has no permissions to run the 'get' command")
  assert.is(detailedDenial(user, denial('key', 'k')), "User bob has no permissions to access the 'k' key")
  assert.is(detailedDenial(user, denial('channel', 'c')), "User bob has no permissions to access the 'c' channel")
})

test('reading unnamed keys needs read access to all keys in the selector that allows the command', () => {
  const may = (...rules: Bytes[]) => userOf(...rules).mayReadAllKeys(find('sort'), ['sort', 'a'])
  assert.is(may('+sort', 'allkeys'), true)
  assert.is(may('+sort', '~a', '%R~*'), true)
  assert.is(may('+sort', '%R~a', '%W~*'), false)
  assert.is(may('+sort', '~a'), false)
  assert.is(may('+sort', '~a', '(+get ~*)'), false)
  assert.is(SUPERUSER.mayReadAllKeys(find('sort'), ['sort', 'a']), true)
})

test('SORT with BY and GET patterns is refused to users who may not read all keys', () => {
  const { run, session, server } = harness(dataFamilies)
  run('RPUSH', 'list', '1')
  session.user = openDefaultUser()
  const rules = { ...context, table: server.table }
  applyRules(session.user, ['resetkeys', '~list', '~by*'], rules)
  assert.throws(() => run('SORT', 'list', 'BY', 'by*'), /^ERR BY option of SORT denied due to insufficient ACL permissions\.$/)
  assert.throws(() => run('SORT_RO', 'list', 'GET', '#'), /^ERR GET option of SORT denied due to insufficient ACL permissions\.$/)
  assert.equal(run('SORT', 'list', 'BY', 'nosort'), ['1'])
  applyRules(session.user, ['%R~*'], rules)
  assert.equal(run('SORT', 'list', 'BY', 'by*', 'GET', '#'), ['1'])
})

const REQUESTS = 6000
/**
 * Commands that change what they declare as read only, as in Redis: groups of a stream, and a
 * sketch's cached count.
 */
const CHANGES_UNSEEN = new Set(['xreadgroup', 'pfcount'])

/** Commands without key arguments: they affect all keys, or none. */
const WITHOUT_KEYS = new Set(['keys', 'dbsize', 'flushdb', 'swapdb'])

test('no command reads or changes a key that its ACL check does not see', () => {
  const chance = seeded('acl-keys')
  const world = harness(dataFamilies)
  const { keyspace, executor, session } = world
  const looked = new Set<Bytes>()
  const changed = new Set<Bytes>()
  for (const db of keyspace.databases) {
    const lookup = db.lookup.bind(db)
    db.lookup = (key) => {
      looked.add(key)
      return lookup(key)
    }
  }
  keyspace.observe({ onChange: (_database, key) => void changed.add(key), onReplace() {}, onReplaceAll() {} })
  let seen = 0
  for (let i = 0; i < REQUESTS; i++) {
    const words = makeRequest(chance.pick([...WRITES, ...FIELD_WRITES, ...READS]), chance)
    looked.clear()
    changed.clear()
    try {
      world.run(...words)
    } catch {
      executor.blockedClients.unblock(session, 'timeout')
    }
    const ran = executor.runtimes.resolve(words)?.command
    if (ran === undefined || WITHOUT_KEYS.has(ran.name)) continue
    const opensAll = ran.name.startsWith('sort') && words.some((word) => word === 'BY' || word === 'GET')
    if (opensAll) continue
    const uses = keyUsesOf(ran, words)
    const named = new Set(uses.map(({ position }) => words[position]))
    const written = new Set(
      uses.filter(({ access }) => access.some((word) => /update|insert|delete/.test(word))).map(({ position }) => words[position]),
    )
    for (const key of looked) assert.ok(named.has(key), `${words.join(' ')} looks at ${key}`)
    if (!CHANGES_UNSEEN.has(ran.name)) for (const key of changed) assert.ok(written.has(key), `${words.join(' ')} changes ${key}`)
    seen += changed.size
  }
  assert.ok(seen > REQUESTS / 10, `${seen} changes`)
})

test.run()
