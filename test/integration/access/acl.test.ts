/**
 * Users in files: the ACL file, lines of the configuration and Pika's keys. Also passwords, and the
 * places where they must not appear.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, RunningServer, runProgram, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'haypile-acl-'))
const aclPath = join(directory, 'users.acl')
const configPath = join(directory, 'haypile.conf')
test.after(() => rmSync(directory, { recursive: true }))

const HASH = '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b' // of "secret"
const error = (reply: WireReply) => (reply instanceof WireError ? reply.text : 'no error')

function startOn(config: string, ...password: string[]): Promise<RunningServer> {
  writeFileSync(configPath, config)
  return RunningServer.start({ words: [configPath], ...(password.length > 0 ? { password } : {}) })
}

/** Returns the output of a start that must fail. */
async function failure(config: string): Promise<string> {
  writeFileSync(configPath, config)
  const { status, output } = await runProgram([configPath, '--port', String(await freePort()), '--dir', join(directory, 'never')])
  assert.is(status, 1, output)
  assert.is(readdirSync(directory).includes('never'), false, 'the data directory has not been touched')
  return output
}

async function signedIn(server: RunningServer, ...credentials: string[]): Promise<WireClient> {
  const client = await server.connect()
  assert.is(await client.call('AUTH', ...credentials), 'OK')
  return client
}

test('an ACL file is loaded at start, saved atomically, and reloaded as a whole or not at all', async () => {
  writeFileSync(aclPath, `user alice on #${HASH} ~a* +@all\n\nuser default on nopass ~* &* +@all\n`)
  const server = await startOn(`aclfile ${aclPath}\n`)
  const alice = await signedIn(server, 'alice', 'secret')
  assert.is(error(await alice.call('SET', 'b', '1')), 'NOPERM No permissions to access a key')
  assert.is(await server.call('ACL', 'SETUSER', 'bob', 'on', '>secret', '+get', '%R~b'), 'OK')
  assert.is(await server.call('ACL', 'SAVE'), 'OK')
  const saved = readFileSync(aclPath, 'utf8')
  assert.is(
    saved,
    `user alice on sanitize-payload #${HASH} ~a* resetchannels +@all\nuser bob on sanitize-payload #${HASH} %R~b resetchannels -@all +get\n` +
      'user default on nopass sanitize-payload ~* &* +@all\n',
  )
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('users')),
    ['users.acl'],
  )

  writeFileSync(aclPath, 'user eve on nopass +@all\nuser bob on +nothing\n')
  assert.match(
    error(await server.call('ACL', 'LOAD')),
    /users\.acl:2: Error in applying operation '\+nothing': .* WARNING: ACL errors detected/,
  )
  assert.equal(await server.call('ACL', 'USERS'), ['alice', 'bob', 'default'])

  const bob = await signedIn(server, 'bob', 'secret')
  writeFileSync(aclPath, `user alice on #${HASH} ~a* +get\n`)
  assert.is(await server.call('ACL', 'LOAD'), 'OK')
  await bob.closed
  assert.is(error(await alice.call('SET', 'a', '1')), "NOPERM User alice has no permissions to run the 'set' command")
  assert.equal(await server.call('ACL', 'LIST'), [
    `user alice on sanitize-payload #${HASH} ~a* resetchannels -@all +get`,
    'user default on nopass sanitize-payload ~* &* +@all',
  ])

  writeFileSync(aclPath, saved)
  await server.restart()
  assert.equal(await server.call('ACL', 'USERS'), ['alice', 'bob', 'default'])
  rmSync(aclPath)
  assert.is(error(await server.call('ACL', 'LOAD')), `ERR Error loading ACLs, opening file '${aclPath}': No such file or directory`)
  assert.is(await server.call('ACL', 'SAVE'), 'OK')
  assert.is(readFileSync(aclPath, 'utf8'), saved)
  await server.stop()
})

test('the path of the ACL file is relative to the data directory; without one ACL LOAD and SAVE fail', async () => {
  const plain = await RunningServer.start()
  for (const word of ['LOAD', 'SAVE'])
    assert.match(error(await plain.call('ACL', word)), /^ERR This Redis instance is not configured to use an ACL file\./)
  await plain.stop()
  const data = mkdtempSync(join(directory, 'data-'))
  writeFileSync(join(data, 'own.acl'), 'user default on nopass ~* &* +@all\nuser carl on\n')
  const server = await RunningServer.start({ directory: data, flags: { aclfile: 'own.acl' } })
  assert.equal(await server.call('ACL', 'USERS'), ['carl', 'default'])
  assert.equal(await server.call('CONFIG', 'GET', 'aclfile'), ['aclfile', 'own.acl'])
  await server.stop()
})

test('a start with invalid users fails before it touches the data, without passwords in its message', async () => {
  writeFileSync(aclPath, 'user default on nopass\nuser x on >hidden +nothing #short\n')
  const wrong = await failure(`aclfile ${aclPath}\n`)
  assert.match(
    wrong,
    /the ACL file is wrong: .*users\.acl:2: Error in applying operation '\+nothing': Unknown command .*hash must be exactly 64/,
  )
  assert.not.match(wrong, /hidden|short/)
  assert.match(await failure('aclfile /nowhere/users.acl\n'), /opening file '\/nowhere\/users\.acl': No such file or directory/)
  assert.match(await failure(`aclfile ${aclPath}\nuser x on\n`), /both in the configuration and in an ACL file/)
  assert.match(await failure('user x on\nuser x off\n'), /the user 'x': Duplicate user found/)
  const rule = await failure('user x on >hidden +nothing\n')
  assert.match(rule, /the user 'x': Unknown command or category name in ACL/)
  assert.not.match(rule, /hidden/)
})

test('the configuration file may define users, and CONFIG REWRITE keeps them', async () => {
  const server = await startOn(
    `# mine\nrequirepass "pass word"\nuser alice on ">sec ret" ~a (+get ~b)\nuser : carl on nopass +get ~*\n`,
    'pass word',
  )
  const admin = await signedIn(server, 'pass word')
  const carl = await signedIn(server, 'carl', 'anything')
  assert.is(error(await carl.call('SET', 'a', '1')), "NOPERM User carl has no permissions to run the 'set' command")
  await signedIn(server, 'alice', 'sec ret')
  assert.equal(await admin.call('CONFIG', 'GET', 'user*'), ['userpass', '', 'userblacklist', ''])
  assert.match(error(await admin.call('CONFIG', 'SET', 'user', 'x on')), /^ERR Unknown option/)
  assert.is(await admin.call('ACL', 'DELUSER', 'carl'), 1)
  assert.is(await admin.call('ACL', 'SETUSER', 'bob', 'on', '>x', '(~"a\'b" +get)'), 'OK')
  assert.is(await admin.call('CONFIG', 'REWRITE'), 'OK')
  const text = readFileSync(configPath, 'utf8')
  assert.match(
    text,
    /^# mine\nrequirepass "pass word"\nuser alice on sanitize-payload #[0-9a-f]{64} ~a resetchannels -@all \(~b resetchannels -@all \+get\)\nuser bob on /,
  )
  assert.not.match(text, /carl|sec ret|user default/)
  const before = await admin.call('ACL', 'LIST')
  await server.restart()
  const again = await signedIn(server, 'pass word')
  assert.equal(await again.call('ACL', 'LIST'), before)
  assert.is(await again.call('ACL', 'SETUSER', 'default', '-flushall'), 'OK')
  assert.is(await again.call('CONFIG', 'REWRITE'), 'OK')
  assert.match(readFileSync(configPath, 'utf8'), /^user default on sanitize-payload #[0-9a-f]{64} ~\* &\* \+@all -flushall$/m)
  await again.close()
  await server.stop()
})

test("requirepass is the default user's password at start, after a change and until its removal", async () => {
  const server = await RunningServer.start({ flags: { requirepass: 'first' }, password: 'first' })
  const early = await server.connect()
  const admin = await signedIn(server, 'first')
  assert.is(error(await early.call('GET', 'a')), 'NOAUTH Authentication required.')
  assert.is(await admin.call('CONFIG', 'SET', 'requirepass', 'second'), 'OK')
  assert.match(error(await early.call('AUTH', 'first')), /^WRONGPASS/)
  assert.is(await early.call('AUTH', 'second'), 'OK')
  assert.is(await admin.call('ACL', 'SETUSER', 'default', '>third'), 'OK')
  await signedIn(server, 'second')
  await signedIn(server, 'third')
  assert.is(await admin.call('CONFIG', 'SET', 'requirepass', ''), 'OK')
  assert.equal(await server.call('GET', 'a'), null)
  await server.stop()
})

test("Pika's userpass defines a second user, who may not run the commands of userblacklist", async () => {
  const server = await startOn('requirepass : admin\nuserpass : user\nuserblacklist : FLUSHALL, config, nothing\n', 'admin')
  const admin = await signedIn(server, 'admin')
  const user = await signedIn(server, 'user')
  assert.is(await user.call('ACL', 'WHOAMI'), 'limit')
  assert.is(await user.call('SET', 'a', '1'), 'OK')
  assert.is(error(await user.call('FLUSHALL')), "NOPERM User limit has no permissions to run the 'flushall' command")
  assert.is(error(await user.call('CONFIG', 'GET', 'x')), "NOPERM User limit has no permissions to run the 'config|get' command")
  assert.match(server.log, /userblacklist names 'nothing'/)
  assert.is(await admin.call('CONFIG', 'SET', 'userblacklist', 'set'), 'OK')
  assert.is(error(await user.call('SET', 'a', '1')), "NOPERM User limit has no permissions to run the 'set' command")
  assert.is(await admin.call('CONFIG', 'REWRITE'), 'OK')
  assert.not.match(readFileSync(configPath, 'utf8'), /^user /m)
  assert.is(await admin.call('CONFIG', 'SET', 'userpass', 'admin'), 'OK')
  const both = await signedIn(server, 'admin')
  assert.is(await both.call('ACL', 'WHOAMI'), 'default', 'the list is void where both passwords are the same')
  assert.is(await admin.call('CONFIG', 'SET', 'userpass', ''), 'OK')
  await user.closed
  assert.equal(await admin.call('ACL', 'USERS'), ['default'])
  await server.kill9()
  server.remove()
})

test("clients without a name have the default user's permissions, and none while it is off", async () => {
  const server = await startOn('user default off\nuser admin on >secret ~* &* +@all\n', 'admin', 'secret')
  const stranger = await server.connect()
  assert.is(error(await stranger.call('PING')), 'NOAUTH Authentication required.')
  const admin = await signedIn(server, 'admin', 'secret')
  assert.is(await admin.call('ACL', 'SETUSER', 'default', 'on', 'nopass', '+ping'), 'OK')
  assert.is(await stranger.call('PING'), 'PONG')
  assert.is(error(await stranger.call('ACL', 'WHOAMI')), "NOPERM User default has no permissions to run the 'acl|whoami' command")
  await server.stop()
})

test('passwords appear neither in the log nor in SLOWLOG or MONITOR', async () => {
  const server = await RunningServer.start({ flags: { 'slowlog-log-slower-than': 0, loglevel: 'debug' } })
  const [client, monitor] = [await server.connect(), await server.connect()]
  assert.is(await monitor.call('MONITOR'), 'OK')
  await client.call('ACL', 'SETUSER', 'bob', 'on', '>hidden', '+@all', '~*')
  await client.call('ACL', 'SETUSER', 'bob', '>hidden2', '+nothing')
  await client.call('acl', 'getuser', 'hidden')
  await client.call('AUTH', 'bob', 'hidden')
  await client.call('HELLO', '3', 'AUTH', 'bob', 'hidden')
  await client.call('CONFIG', 'SET', 'requirepass', 'hidden', 'userpass', 'hidden')
  await client.call('ECHO', 'end')
  await until('the monitor to see the end', () => JSON.stringify(monitor.strays).includes('end'))
  const slow = JSON.stringify(await client.call('SLOWLOG', 'GET', '-1'))
  assert.match(slow, /redacted/)
  assert.not.match(slow, /hidden/)
  assert.not.match(JSON.stringify(monitor.strays), /hidden/)
  assert.not.match(server.log, /hidden/)
  await client.call('CONFIG', 'SET', 'requirepass', '')
  await server.stop()
})

test('CLIENT LIST and CLIENT KILL know users', async () => {
  const server = await RunningServer.start()
  await server.call('ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all')
  const bob = await signedIn(server, 'bob', 'x')
  assert.match((await bob.call('CLIENT', 'INFO')) as string, / user=bob /)
  assert.is(error(await server.call('CLIENT', 'KILL', 'USER', 'eve')), "ERR No such user 'eve'")
  assert.is(await server.call('CLIENT', 'KILL', 'USER', 'bob'), 1)
  await bob.closed
  await server.stop()
})

test.run()
