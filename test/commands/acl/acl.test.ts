/**
 * ACL and AUTH as commands: their replies, the clients that they disconnect, the ACL log, and the
 * requests that the executor refuses.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aclCommands } from '../../../commands/acl/commands.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { ErrorReply, MapReply, type Reply, SetReply } from '../../../commands/contract/reply.ts'
import type { ChannelKind } from '../../../commands/contract/subscriptions.ts'
import { blockingLists } from '../../../commands/lists/blocking.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { type Harness, harness, plain, type TestClient } from '../../support/harness/harness.ts'

const FAMILIES = [aclCommands, connection, strings, lists, blockingLists, transactions]

interface Bench extends Harness {
  /** Returns a client of the default user, which the server knows. */
  connect(): TestClient
}

interface Logged {
  readonly count: number
  readonly reason: string
  readonly context: string
  readonly object: string
  readonly username: string
  readonly 'client-info': string
  readonly 'age-seconds': unknown
}

function bench(): Bench {
  const made = harness(FAMILIES)
  const { server, client } = made
  return {
    ...made,
    connect() {
      const session = client()
      server.acl.beginSession(session)
      server.clients.sessions.push(session)
      return session
    },
  }
}

/** Returns the reply to a request: maps as flat lists, errors with a minus before. */
function say(client: TestClient, ...words: string[]): unknown {
  client.send(...words)
  return shown(client.replies.pop())
}

function shown(reply: Reply | ClientError | undefined): unknown {
  if (reply instanceof ClientError) return `-${reply.message}`
  if (reply instanceof ErrorReply) return `-${reply.text}`
  if (reply instanceof SetReply) return reply.members.map(shown)
  if (reply instanceof MapReply) return reply.flat.map(shown)
  if (Array.isArray(reply)) return reply.map(shown)
  return plain(reply as Reply)
}

test('ACL SETUSER applies all of its rules or none; LIST, USERS and GETUSER show the user', () => {
  const one = bench().connect()
  assert.equal(say(one, 'ACL', 'LIST'), ['user default on nopass sanitize-payload ~* &* +@all'])
  assert.is(say(one, 'ACL', 'SETUSER', 'bob', 'on', '~a'), 'OK')
  assert.is(
    say(one, 'ACL', 'SETUSER', 'bob', '+get', '+nothing'),
    "-ERR Error in ACL SETUSER modifier '+nothing': Unknown command or category name in ACL",
  )
  assert.is(say(one, 'ACL', 'SETUSER', 'alice', '(+get'), "-ERR Unmatched parenthesis in acl selector starting at '(+get'.")
  assert.is(say(one, 'ACL', 'SETUSER', 'a b', 'on'), "-ERR Usernames can't contain spaces or null characters")
  assert.is(say(one, 'ACL', 'SETUSER', 'bob', '+set', '(%R~x &c +@read)'), 'OK')
  assert.equal(say(one, 'ACL', 'USERS'), ['bob', 'default'])
  assert.equal(say(one, 'ACL', 'GETUSER', 'bob'), [
    ...['flags', ['on', 'sanitize-payload'], 'passwords', []],
    ...['commands', '-@all +set', 'keys', '~a', 'channels', ''],
    ...['selectors', [['commands', '-@all +@read', 'keys', '%R~x', 'channels', '&c']]],
  ])
  assert.is(say(one, 'ACL', 'GETUSER', 'alice'), null)
})

test('ACL DELUSER returns the number of deleted users, disconnects them, and keeps the default user', () => {
  const { connect } = bench()
  const one = connect()
  const two = connect()
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all')
  say(two, 'AUTH', 'bob', 'x')
  assert.is(say(two, 'ACL', 'WHOAMI'), 'bob')
  assert.is(say(one, 'ACL', 'DELUSER', 'bob', 'default'), "-ERR The 'default' user cannot be removed")
  assert.is(two.closed, null)
  assert.is(say(one, 'ACL', 'DELUSER', 'bob', 'bob', 'nobody'), 1)
  assert.is(two.closed, 'now')
  assert.is(two.isAuthenticated, false)
  assert.is(one.closed, null)
})

test('a client that deletes its own user gets the reply before it is disconnected', () => {
  const { connect } = bench()
  const one = connect()
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all')
  say(one, 'AUTH', 'bob', 'x')
  assert.is(say(one, 'ACL', 'DELUSER', 'bob'), 1)
  assert.is(one.closed, 'after-reply')
})

test('new rules apply to connected clients', () => {
  const { connect } = bench()
  const one = connect()
  const two = connect()
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all', '~*')
  say(two, 'AUTH', 'bob', 'x')
  assert.is(say(two, 'SET', 'a', '1'), 'OK')
  say(one, 'ACL', 'SETUSER', 'bob', '-set')
  assert.is(say(two, 'SET', 'a', '1'), "-NOPERM User bob has no permissions to run the 'set' command")
  say(one, 'ACL', 'SETUSER', 'bob', 'off', 'resetkeys')
  assert.is(say(two, 'GET', 'a'), '-NOPERM No permissions to access a key')
  assert.is(two.closed, null, 'connected clients of a disabled user continue')
  assert.match(say(two, 'AUTH', 'bob', 'x') as string, /^-WRONGPASS/)
})

test('without a default password no client must authenticate, and a later one applies to later clients', () => {
  const { connect } = bench()
  const early = connect()
  assert.match(say(early, 'AUTH', 'x') as string, /^-ERR AUTH <password> called without any password configured/)
  say(early, 'ACL', 'SETUSER', 'default', '>pw')
  const late = connect()
  assert.is(say(late, 'GET', 'a'), '-NOAUTH Authentication required.')
  assert.match(say(late, 'HELLO', '3') as string, /^-NOAUTH HELLO must be called/)
  assert.is(say(early, 'GET', 'a'), null)
  say(early, 'ACL', 'SETUSER', 'default', 'nopass')
  assert.is(say(late, 'GET', 'a'), null)
  say(early, 'ACL', 'SETUSER', 'default', 'off')
  assert.is(say(late, 'GET', 'a'), '-NOAUTH Authentication required.')
  assert.match(say(late, 'AUTH', 'default', 'x') as string, /^-WRONGPASS/)
})

test('AUTH with a password alone also tries the user of userpass, if configured', () => {
  const { server, connect } = bench()
  const one = connect()
  server.acl.setUser('default', ['>admin'], null)
  server.acl.setUser('limit', ['on', '>user', '~*', '+@all', '-set'], null)
  assert.match(say(one, 'AUTH', 'user') as string, /^-WRONGPASS/)
  server.config.load([['userpass', 'user']])
  assert.is(say(one, 'AUTH', 'user'), 'OK')
  assert.is(say(one, 'ACL', 'WHOAMI'), 'limit')
  assert.is(say(one, 'AUTH', 'admin'), 'OK')
  assert.is(say(one, 'ACL', 'WHOAMI'), 'default')
})

test('ACL LOG groups repeated denials of a minute, lists the newest first, and drops old ones', () => {
  const { server, connect, advance } = bench()
  const one = connect()
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+get', '+multi', '+exec', '+discard')
  say(one, 'AUTH', 'bob', 'x')
  const denials = () => {
    server.acl.beginSession(one)
    const entries = say(one, 'ACL', 'LOG') as unknown[][]
    say(one, 'AUTH', 'bob', 'x')
    return entries.map((flat): Logged => Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]]] : []))))
  }
  say(one, 'GET', 'a')
  advance(1000)
  say(one, 'SET', 'a', '1')
  say(one, 'AUTH', 'bob', 'x', 'y')
  say(one, 'Auth', 'nobody', 'x')
  advance(500)
  say(one, 'GET', 'a')
  say(one, 'MULTI')
  say(one, 'GET', 'a')
  say(one, 'DISCARD')
  const [multi, again, auth, set] = denials()
  assert.equal([multi?.context, multi?.count], ['multi', 1])
  const { 'client-info': client, ...rest } = again as Logged
  assert.match(client, /^id=\d+ addr=/)
  assert.equal(rest, {
    count: 2,
    reason: 'key',
    context: 'toplevel',
    object: 'a',
    username: 'bob',
    'age-seconds': rest['age-seconds'],
    'entry-id': 0,
    'timestamp-created': server.clock.wallMs() - 1500,
    'timestamp-last-updated': server.clock.wallMs(),
  })
  assert.equal([auth?.reason, auth?.object, auth?.username], ['auth', 'Auth', 'nobody'])
  assert.equal([set?.reason, set?.object], ['command', 'set'])
  assert.equal(server.acl.denials, { auth: 1, command: 1, key: 3, channel: 0 })
  advance(60_001)
  say(one, 'GET', 'a')
  assert.equal(
    denials()
      .map((entry) => entry.count)
      .slice(0, 3),
    [1, 1, 2],
  )
  server.config.load([['acllog-max-len', '2']])
  say(one, 'GET', 'b')
  assert.is(denials().length, 2)
  server.acl.beginSession(one)
  assert.is((say(one, 'ACL', 'LOG', '1') as unknown[]).length, 1)
  assert.equal(say(one, 'ACL', 'LOG', '-1'), [])
  assert.is(say(one, 'ACL', 'LOG', 'Reset'), 'OK')
  assert.equal(say(one, 'ACL', 'LOG'), [])
  assert.is(say(one, 'ACL', 'LOG', 'x'), '-ERR value is not an integer or out of range')
  assert.is(say(one, 'ACL', 'LOG', '1', '2'), "-ERR unknown subcommand or wrong number of arguments for 'LOG'. Try ACL HELP.")
})

test('ACL DRYRUN says what would be refused, without running or logging it', () => {
  const { server, connect } = bench()
  const one = connect()
  say(one, 'ACL', 'SETUSER', 'bob', '+get', '+acl|whoami', '~a')
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'get', 'a'), 'OK')
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'GET', 'b'), "User bob has no permissions to access the 'b' key")
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'set', 'a', '1'), "User bob has no permissions to run the 'set' command")
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'acl', 'WHOAMI'), 'OK')
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'acl', 'list'), "User bob has no permissions to run the 'acl|list' command")
  assert.is(say(one, 'ACL', 'DRYRUN', 'eve', 'get', 'a'), "-ERR User 'eve' not found")
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'acl', 'nothing'), "-ERR Command 'acl' not found")
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'acl'), "-ERR wrong number of arguments for 'acl' command")
  assert.is(say(one, 'ACL', 'DRYRUN', 'bob', 'get'), "-ERR wrong number of arguments for 'get' command")
  assert.equal(server.acl.log.entries, [])
})

test('ACL CAT lists categories and their commands, and GENPASS returns hex digits', () => {
  const one = bench().connect()
  assert.is((say(one, 'ACL', 'CAT') as string[]).length, 21)
  assert.ok((say(one, 'ACL', 'CAT', 'String') as string[]).includes('setex'))
  assert.ok((say(one, 'ACL', 'CAT', 'admin') as string[]).includes('acl|setuser'))
  assert.is(say(one, 'ACL', 'CAT', 'all'), "-ERR Unknown category 'all'")
  assert.is(say(one, 'ACL', 'CAT', 'a', 'b'), "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.")
  assert.match(say(one, 'ACL', 'GENPASS') as string, /^[0-9a-f]{64}$/)
  assert.match(say(one, 'ACL', 'GENPASS', '5') as string, /^[0-9a-f]{2}$/)
  assert.is((say(one, 'ACL', 'GENPASS', '4096') as string).length, 1024)
  for (const bits of ['0', '-1', '4097'])
    assert.match(
      say(one, 'ACL', 'GENPASS', bits) as string,
      /^-ERR ACL GENPASS argument must be the number of bits .* positive number up to 4096$/,
    )
  assert.is(say(one, 'ACL', 'GENPASS', 'x'), '-ERR value is not an integer or out of range')
})

test('ACL LOAD of a wrong file changes nothing, and of a good one disconnects removed users', () => {
  const { server, connect } = bench()
  const [one, bob, eve] = [connect(), connect(), connect()]
  for (const [name, client] of [
    ['bob', bob],
    ['eve', eve],
  ] as const) {
    say(one, 'ACL', 'SETUSER', name, 'on', 'nopass', '+@all', '~*')
    say(client, 'AUTH', name, 'x')
  }
  assert.is(say(one, 'ACL', 'SAVE'), 'OK')
  assert.is(
    server.aclText,
    'user bob on nopass sanitize-payload ~* resetchannels +@all\nuser default on nopass sanitize-payload ~* &* +@all\n' +
      'user eve on nopass sanitize-payload ~* resetchannels +@all\n',
  )
  const before = say(one, 'ACL', 'LIST')
  server.aclText = 'user bob on nopass +get ~*\nuser eve on +nothing'
  assert.is(
    say(one, 'ACL', 'LOAD'),
    "-ERR users.acl:2: Error in applying operation '+nothing': Unknown command or category name in ACL. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
  )
  assert.equal(say(one, 'ACL', 'LIST'), before)
  server.aclText = 'user bob on nopass +get ~*\n'
  assert.is(say(one, 'ACL', 'LOAD'), 'OK')
  assert.equal(say(one, 'ACL', 'USERS'), ['bob', 'default'])
  assert.is(bob.closed, null)
  assert.is(say(bob, 'SET', 'a', '1'), "-NOPERM User bob has no permissions to run the 'set' command")
  assert.is(eve.closed, 'now')
  assert.is(eve.isAuthenticated, false)
})

test('subscribers are disconnected when their user loses a channel of theirs, and only then', () => {
  const { server, connect } = bench()
  const one = connect()
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all', '&a*', '&b*', '(&c)')
  const subscribed = (name: string, kind: ChannelKind) => {
    const client = connect()
    say(client, 'AUTH', 'bob', 'x')
    server.pubsub.subscribe(client, kind, name)
    return client
  }
  const [channel, pattern, inSelector] = [subscribed('a1', 'channel'), subscribed('b*', 'pattern'), subscribed('c', 'shard')]
  const closed = () => [channel, pattern, inSelector].map((client) => client.closed)
  say(one, 'ACL', 'SETUSER', 'bob', '&more', '-get')
  assert.equal(closed(), [null, null, null])
  say(one, 'ACL', 'SETUSER', 'bob', 'resetchannels', '&b*', '&a?')
  assert.equal(closed(), [null, null, null])
  say(one, 'ACL', 'SETUSER', 'bob', 'resetchannels', '&b?', '&a?')
  assert.equal(closed(), [null, 'now', null])
  say(one, 'ACL', 'SETUSER', 'bob', 'clearselectors', '&*')
  assert.equal(closed(), [null, 'now', null])
  say(one, 'ACL', 'SETUSER', 'bob', 'reset')
  assert.equal(closed(), ['now', 'now', 'now'])
})

test('EXEC checks the rules again and says that they have changed', () => {
  const { connect, run } = bench()
  const [one, bob] = [connect(), connect()]
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all', '~*')
  say(bob, 'AUTH', 'bob', 'x')
  for (const words of [['MULTI'], ['SET', 'a', '1'], ['SET', 'b', '1'], ['LPUSH', 'l', 'x']]) say(bob, ...words)
  say(one, 'ACL', 'SETUSER', 'bob', '-lpush', 'resetkeys', '~b')
  const changed =
    'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: '
  assert.equal(say(bob, 'EXEC'), [
    `-${changed}no permission to touch the specified keys`,
    'OK',
    `-${changed}no permission to execute the command or subcommand`,
  ])
  assert.is(run('GET', 'a'), null)
  assert.is(run('GET', 'b'), '1')
  for (const words of [['MULTI'], ['SET', 'a', '1']]) say(bob, ...words)
  assert.is(say(bob, 'EXEC'), '-EXECABORT Transaction discarded because of previous errors.')
})

test('a blocked command is refused if its user may no longer run it', () => {
  const { connect, run, counters } = bench()
  const [one, bob] = [connect(), connect()]
  say(one, 'ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all', '~*')
  say(bob, 'AUTH', 'bob', 'x')
  bob.send('BLPOP', 'list', '0')
  assert.equal(bob.replies, [])
  say(one, 'ACL', 'SETUSER', 'bob', 'resetkeys')
  run('RPUSH', 'list', 'x')
  assert.is(shown(bob.replies.pop()), '-NOPERM No permissions to access a key')
  assert.is(run('LLEN', 'list'), 1)
  assert.equal({ ...counters.get('blpop') }, { calls: 0, micros: 0, rejected: 1, failed: 0 })
})

test.run()
