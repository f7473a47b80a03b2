/** CLIENT and its subcommands: names, lists, kills and modes of reply. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { client } from '../../../commands/clients/client.ts'
import { NO_REPLY, OK, type Reply, type Verbatim } from '../../../commands/contract/reply.ts'
import { FakeSession } from '../../support/harness/fake-session.ts'
import { harness as commandHarness } from '../../support/harness/harness.ts'

function harness() {
  const made = commandHarness([client])
  const { server, session: self } = made
  const [second, third] = [new FakeSession(2), new FakeSession(3)]
  const sessions = [self, second, third]
  for (const session of sessions) {
    session.address = `127.0.0.1:${50000 + session.id}`
    session.user = server.acl.defaultUser
  }
  server.clients.sessions.push(...sessions)
  const run = (...args: string[]): Reply => made.run('CLIENT', ...args)
  const refusal = (...args: string[]): string => made.error('CLIENT', ...args)
  const listed = (...args: string[]) =>
    [...(run('LIST', ...args) as Verbatim).text.matchAll(/^id=(\d+) /gm)].map((match) => Number(match[1]))
  const closed = () => sessions.filter((session) => session.closed !== null).map((session) => session.id)
  return { server, self, second, third, run, refusal, listed, closed }
}

test('CLIENT SETNAME and GETNAME keep a printable name, and an empty one means none', () => {
  const { run, refusal } = harness()
  assert.is(run('GETNAME'), null)
  assert.is(run('SETNAME', 'worker-1'), OK)
  assert.is(run('GETNAME'), 'worker-1')
  const text = 'ERR Client names cannot contain spaces, newlines or special characters.'
  for (const name of ['a b', 'a\n', '\xff', '\x7f']) assert.is(refusal('SETNAME', name), text)
  assert.is(run('SETNAME', ''), OK)
  assert.is(run('GETNAME'), null)
  assert.is(run('ID'), 1)
})

test("CLIENT SETINFO stores the library's name and version", () => {
  const { self, run, refusal } = harness()
  assert.is(run('SETINFO', 'LIB-NAME', 'redis-js'), OK)
  assert.is(run('SETINFO', 'lib-ver', '1.2'), OK)
  assert.equal([self.libraryName, self.libraryVersion], ['redis-js', '1.2'])
  assert.is(refusal('SETINFO', 'lib-name', 'a b'), 'ERR lib-name cannot contain spaces, newlines or special characters.')
  assert.is(refusal('SETINFO', 'badger', 'hamster'), "ERR Unrecognized option 'badger'")
  assert.is(refusal('SETINFO', 'lib-name'), "ERR wrong number of arguments for 'client|setinfo' command")
})

test('CLIENT LIST shows all clients, those of given ids in that order, or those of a type', () => {
  const { self, run, listed, refusal } = harness()
  assert.equal(listed(), [1, 2, 3])
  assert.equal(listed('ID', '3', '9', '1'), [3, 1])
  assert.equal(listed('TYPE', 'normal'), [1, 2, 3])
  assert.equal(listed('type', 'SLAVE'), [])
  assert.is(self.lastCommand, 'client|list')
  assert.is(refusal('LIST', 'TYPE', 'foo'), "ERR Unknown client type 'foo'")
  assert.is(refusal('LIST', 'ID', 'x'), 'ERR Invalid client ID')
  for (const words of [['TYPE'], ['ID'], ['FOO', '1']]) assert.is(refusal('LIST', ...words), 'ERR syntax error')
  const info = run('INFO') as Verbatim
  assert.is(info.format, 'txt')
  assert.match(info.text, /^id=1 .*\n$/)
})

test('CLIENT KILL with an address disconnects that client, the caller after its reply', () => {
  const { self, second, run, refusal, closed } = harness()
  assert.is(run('KILL', '127.0.0.1:50002'), OK)
  assert.is(second.closed, 'now')
  assert.is(refusal('KILL', '1.2.3.4:5'), 'ERR No such client')
  assert.is(run('KILL', self.address), OK)
  assert.is(self.closed, 'after-reply')
  assert.equal(closed(), [1, 2])
})

test('CLIENT KILL with filters counts the matching clients, and spares the caller by default', () => {
  const cases: [words: string[], closed: number[]][] = [
    [['ID', '2'], [2]],
    [['ID', '1'], []],
    [['ID', '1', 'SKIPME', 'no'], [1]],
    [
      ['TYPE', 'normal'],
      [2, 3],
    ],
    [['TYPE', 'pubsub'], []],
    [
      ['USER', 'default'],
      [2, 3],
    ],
    [['ADDR', '127.0.0.1:50003', 'ID', '2'], []],
    [['ID', '3', 'ID', '2'], [2]],
    [['ADDR', '127.0.0.1:50003', 'ID', '2', 'addr', '127.0.0.1:50002'], [2]],
    [['TYPE', 'pubsub', 'TYPE', 'normal', 'ID', '1', 'id', '3'], [3]],
    [['SKIPME', 'no', 'ID', '1', 'SKIPME', 'yes'], []],
    [['ADDR', '127.0.0.1:50003', 'ID', '3'], [3]],
    [
      ['LADDR', '127.0.0.1:6379', 'SKIPME', 'NO'],
      [1, 2, 3],
    ],
    [
      ['SKIPME', 'yes'],
      [2, 3],
    ],
  ]
  for (const [words, expected] of cases) {
    const { run, closed } = harness()
    assert.is(run('KILL', ...words), expected.length, words.join(' '))
    assert.equal(closed(), expected, words.join(' '))
  }
})

test('replicas and the master are clients of their own types', () => {
  const { second, third, run, listed, closed } = harness()
  second.remoteRole = 'replica'
  third.remoteRole = 'master'
  assert.equal(listed('TYPE', 'normal'), [1])
  assert.equal(listed('TYPE', 'replica'), [2])
  assert.equal(listed('TYPE', 'slave'), [2])
  assert.equal(listed('TYPE', 'master'), [3])
  assert.is(run('KILL', 'TYPE', 'normal'), 0)
  assert.is(run('KILL', 'TYPE', 'slave'), 1)
  assert.equal(closed(), [2])
  assert.is(run('KILL', 'TYPE', 'master'), 1)
  assert.equal(closed(), [2, 3])
})

test('CLIENT KILL with invalid arguments disconnects no client', () => {
  const { refusal, closed } = harness()
  const cases: [words: string[], text: string][] = [
    [['ID', '0'], 'ERR client-id should be greater than 0'],
    [['ID', 'x'], 'ERR client-id should be greater than 0'],
    [['TYPE', 'foo'], "ERR Unknown client type 'foo'"],
    [['USER', 'foo'], "ERR No such user 'foo'"],
    [['SKIPME', 'maybe'], 'ERR syntax error'],
    [['ID', '2', 'TYPE'], 'ERR syntax error'],
    [['ID', '2', 'FOO', 'bar'], 'ERR syntax error'],
  ]
  for (const [words, text] of cases) assert.is(refusal('KILL', ...words), text)
  assert.equal(closed(), [])
})

test('CLIENT PAUSE holds all commands or writes for a time, and UNPAUSE ends it', () => {
  const { server, run, refusal } = harness()
  assert.is(run('PAUSE', '100'), OK)
  assert.equal(server.clients.paused, { durationMs: 100, what: 'all' })
  assert.is(run('PAUSE', '50', 'write'), OK)
  assert.equal(server.clients.paused, { durationMs: 50, what: 'write' })
  assert.is(run('UNPAUSE'), OK)
  assert.is(server.clients.paused, null)
  assert.is(refusal('PAUSE', 'x'), 'ERR timeout is not an integer or out of range')
  assert.is(refusal('PAUSE', '-1'), 'ERR timeout is negative')
  assert.is(refusal('PAUSE', '9223372036854775807'), 'ERR timeout is out of range')
  assert.is(refusal('PAUSE', '1', 'FOO'), 'ERR CLIENT PAUSE mode must be WRITE or ALL')
  assert.is(refusal('PAUSE', '1', 'ALL', 'x'), "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.")
})

test('CLIENT REPLY OFF and SKIP are not answered, and SKIP has no effect while replies are off', () => {
  const { self, run, refusal } = harness()
  assert.is(run('REPLY', 'SKIP'), NO_REPLY)
  assert.is(self.replyMode, 'skip-next')
  assert.is(run('REPLY', 'off'), NO_REPLY)
  assert.is(run('REPLY', 'SKIP'), NO_REPLY)
  assert.is(self.replyMode, 'off')
  assert.is(run('REPLY', 'ON'), OK)
  assert.is(self.replyMode, 'on')
  assert.is(refusal('REPLY', 'foo'), 'ERR syntax error')
})

test('CLIENT NO-EVICT and NO-TOUCH set flags, and UNBLOCK ends a wait', () => {
  const { server, self, second, run, refusal } = harness()
  assert.is(run('NO-EVICT', 'on'), OK)
  assert.is(run('NO-TOUCH', 'ON'), OK)
  assert.equal([self.isEvictionExempt, self.mustNotTouch], [true, true])
  assert.is(run('NO-TOUCH', 'off'), OK)
  assert.is(self.mustNotTouch, false)
  assert.is(refusal('NO-TOUCH', 'foo'), 'ERR syntax error')
  server.clients.blocked.add(second)
  assert.is(run('UNBLOCK', '2', 'TIMEOUT'), 1)
  assert.is(run('UNBLOCK', '2'), 0)
  assert.is(run('UNBLOCK', '99', 'error'), 0)
  assert.is(refusal('UNBLOCK', 'x'), 'ERR value is not an integer or out of range')
  assert.is(refusal('UNBLOCK', '1', 'foo'), 'ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
})

test('CLIENT HELP has a line for every subcommand', () => {
  const { run } = harness()
  const lines = (run('HELP') as { text: string }[]).map((line) => line.text)
  assert.is(lines[0], 'CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')
  for (const { name } of client[0]?.subcommands ?? []) {
    const word = name.split('|')[1]?.toUpperCase() as string
    assert.ok(
      lines.some((line) => line.split(' ')[0] === word),
      word,
    )
  }
})

test.run()
