/** PING, ECHO, SELECT, AUTH, HELLO, RESET and QUIT: replies, refusals, state of the session. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../../commands/clients/connection.ts'
import { MapReply, OK, PONG, type Reply, SimpleString } from '../../../commands/contract/reply.ts'
import { REDIS_COMPATIBLE_VERSION } from '../../../commands/contract/version.ts'
import { harness as commandHarness } from '../../support/harness/harness.ts'

const WRONGPASS = 'WRONGPASS invalid username-password pair or user is disabled.'

function harness(password = '') {
  const { server, session, run, error: refusal } = commandHarness([connection], { session: { id: 7 } })
  if (password !== '') server.acl.setUser('default', ['resetpass', `>${Buffer.from(password, 'utf8').latin1Slice()}`], null)
  server.acl.beginSession(session)
  return { server, session, run, refusal }
}

test('PING returns PONG or its argument, and takes at most one', () => {
  const { run, refusal } = harness()
  assert.is(run('PING'), PONG)
  assert.is(run('PING', 'hello'), 'hello')
  assert.is(refusal('PING', 'a', 'b'), "ERR wrong number of arguments for 'ping' command")
  assert.is(run('ECHO', '\xff\0'), '\xff\0')
})

test("SELECT changes the session's database, and refuses invalid indexes with Redis's texts", () => {
  const { session, run, refusal } = harness()
  assert.is(run('SELECT', '15'), OK)
  assert.is(session.database, 15)
  assert.is(refusal('SELECT', '16'), 'ERR DB index is out of range')
  assert.is(refusal('SELECT', '-1'), 'ERR DB index is out of range')
  assert.is(refusal('SELECT', 'abc'), 'ERR value is not an integer or out of range')
  assert.is(refusal('SELECT', '99999999999'), 'ERR value is out of range, value must between -2147483648 and 2147483647')
  assert.is(session.database, 15)
})

test('AUTH without a configured password fails in its short form and accepts the default user', () => {
  const { run, refusal } = harness()
  assert.is(
    refusal('AUTH', 'x'),
    'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
  )
  assert.is(run('AUTH', 'default', 'whatever'), OK)
  assert.is(refusal('AUTH', 'someone', 'x'), WRONGPASS)
  assert.is(refusal('AUTH', 'a', 'b', 'c'), 'ERR syntax error')
})

test('AUTH accepts only the right password, of any length and bytes', () => {
  const { session, run, refusal } = harness('s\xe9cret')
  const password = Buffer.from('s\xe9cret', 'utf8').latin1Slice()
  for (const wrong of ['', 'x', `${password}x`, password.slice(0, -1), password.repeat(100)]) assert.is(refusal('AUTH', wrong), WRONGPASS)
  assert.is(refusal('AUTH', 'other', password), WRONGPASS)
  assert.is(session.isAuthenticated, false)
  assert.is(run('AUTH', password), OK)
  assert.is(session.isAuthenticated, true)
  assert.is(run('AUTH', 'default', password), OK)
})

test('HELLO describes the server and the connection as a map', () => {
  const { session, run } = harness()
  const reply = run('HELLO', '3', 'SETNAME', 'worker') as MapReply
  assert.instance(reply, MapReply)
  const modules: Reply[] = []
  assert.equal(reply.flat, [
    ...['server', 'redis', 'version', REDIS_COMPATIBLE_VERSION, 'proto', 3, 'id', 7],
    ...['mode', 'standalone', 'role', 'master', 'modules', modules],
  ])
  assert.is(session.resp, 3)
  assert.is(session.name, 'worker')
  assert.is((run('HELLO') as MapReply).flat[5], 3)
})

test('HELLO on a replica names its role', () => {
  const { server, run } = harness()
  server.replication.isReplica = true
  assert.is((run('HELLO') as MapReply).flat[11], 'replica')
})

test('HELLO refuses versions, options and names like Redis, and then changes nothing', () => {
  const { session, refusal } = harness()
  assert.is(refusal('HELLO', 'x'), 'ERR Protocol version is not an integer or out of range')
  for (const version of ['1', '4', '-3', '9223372036854775807'])
    assert.is(refusal('HELLO', version), 'NOPROTO unsupported protocol version')
  assert.is(refusal('HELLO', '3', 'FOO'), "ERR Syntax error in HELLO option 'FOO'")
  assert.is(refusal('HELLO', '3', 'SETNAME'), "ERR Syntax error in HELLO option 'SETNAME'")
  assert.is(refusal('HELLO', '3', 'AUTH', 'default'), "ERR Syntax error in HELLO option 'AUTH'")
  assert.is(refusal('HELLO', '3', 'SETNAME', 'a b'), 'ERR Client names cannot contain spaces, newlines or special characters.')
  assert.is(refusal('HELLO', '3', 'SETNAME', 'ok', 'AUTH', 'nobody', 'x'), WRONGPASS)
  assert.is(session.resp, 2)
  assert.is(session.name, '')
})

test('HELLO can authenticate, and must do so if a password is configured', () => {
  const { session, run, refusal } = harness('pw')
  assert.match(
    refusal('HELLO', '3'),
    /^NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass>/,
  )
  assert.is(session.resp, 2)
  assert.is(refusal('HELLO', '3', 'AUTH', 'default', 'no'), WRONGPASS)
  assert.instance(run('hello', '3', 'auth', 'default', 'pw'), MapReply)
  assert.ok(session.isAuthenticated)
  assert.is(session.resp, 3)
})

test('QUIT is answered before the connection closes', () => {
  const { session, run } = harness()
  assert.is(run('QUIT'), OK)
  assert.is(session.closed, 'after-reply')
})

test("RESET restores a new connection's state, except for its library", () => {
  const { server, session, run } = harness('pw')
  Object.assign(session, {
    authenticated: true,
    database: 3,
    resp: 3,
    name: 'n',
    replyMode: 'off',
    noEvict: true,
    noTouch: true,
    libraryName: 'lib',
  })
  server.clients.monitor(session)
  session.isMonitoring = true
  const reply = run('RESET') as SimpleString
  assert.instance(reply, SimpleString)
  assert.is(reply.text, 'RESET')
  assert.is(server.clients.monitors.size, 0)
  const { isAuthenticated, database, resp, name, replyMode, isEvictionExempt, mustNotTouch, libraryName } = session
  assert.equal(
    { authenticated: isAuthenticated, database, resp, name, replyMode, noEvict: isEvictionExempt, noTouch: mustNotTouch, libraryName },
    { authenticated: false, database: 0, resp: 2, name: '', replyMode: 'on', noEvict: false, noTouch: false, libraryName: 'lib' },
  )
})

test('RESET is not for replicas', () => {
  const { session, refusal } = harness()
  session.remoteRole = 'replica'
  assert.is(refusal('RESET'), 'ERR can only reset normal client connections')
})

test.run()
