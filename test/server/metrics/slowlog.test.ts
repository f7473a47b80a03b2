/** SLOWLOG: what is recorded, trimmed and shown. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { slowlogCommands } from '../../../commands/server/slowlog.ts'
import { redacted } from '../../../server/logging/redact.ts'
import { harness } from '../../support/harness/harness.ts'

function made(...pairs: [string, string][]) {
  const { server, session, run } = harness([slowlogCommands])
  server.config.set([['slowlog-log-slower-than', '0'], ...pairs])
  const record = (...args: string[]) => server.slowlog.record(args, 10, session, 5999)
  return { server, session, record, run }
}

test('commands at or above the threshold are recorded, and none with -1', () => {
  const { server, session } = made()
  server.config.set([['slowlog-log-slower-than', '100']])
  const { slowlog } = server
  slowlog.record(['ping'], 99, session, 0)
  assert.is(slowlog.length, 0)
  slowlog.record(['ping'], 100, session, 0)
  assert.is(slowlog.length, 1)
  server.config.set([['slowlog-log-slower-than', '-1']])
  slowlog.record(['ping'], 1e9, session, 0)
  assert.is(slowlog.length, 1)
})

test('SLOWLOG GET returns the newest first with id, time, duration, words, address and name', () => {
  const { session, record, run } = made()
  session.name = 'someone'
  record('set', 'a', 'b')
  record('get', 'a')
  assert.equal(run('slowlog', 'get'), [
    [1, 5, 10, ['get', 'a'], '127.0.0.1:50000', 'someone'],
    [0, 5, 10, ['set', 'a', 'b'], '127.0.0.1:50000', 'someone'],
  ])
  assert.is(run('slowlog', 'len'), 2)
})

test('SLOWLOG GET with too many words quotes the subcommand as written, as in Redis', () => {
  const { run } = made()
  assert.throws(
    () => run('SLOWLOG', 'GET', '1', '2'),
    /^ERR unknown subcommand or wrong number of arguments for 'GET'\. Try SLOWLOG HELP\.$/,
  )
})

test('SLOWLOG GET returns ten entries by default, and all with -1', () => {
  const { record, run } = made()
  for (let i = 0; i < 30; i++) record('ping', String(i))
  const count = (...args: string[]) => (run('slowlog', 'get', ...args) as unknown[]).length
  assert.is(count(), 10)
  assert.is(count('5'), 5)
  assert.is(count('0'), 0)
  assert.is(count('99'), 30)
  assert.is(count('-1'), 30)
  for (const wrong of ['-2', 'x', '99999999999999999999'])
    assert.throws(() => run('slowlog', 'get', wrong), /^ERR count should be greater than or equal to -1$/)
})

test('the oldest entries are dropped, and ids continue after a reset', () => {
  const { server, record, run } = made(['slowlog-max-len', '3'])
  for (let i = 0; i < 1000; i++) record('ping', String(i))
  assert.equal(
    server.slowlog.newest(10).map((entry) => entry.id),
    [999, 998, 997],
  )
  server.config.set([['slowlog-max-len', '1']])
  record('ping')
  assert.is(server.slowlog.length, 1)
  run('slowlog', 'reset')
  assert.is(server.slowlog.length, 0)
  record('ping')
  assert.is(server.slowlog.newest(1)[0]?.id, 1001)
  server.config.set([['slowlog-max-len', '0']])
  record('ping')
  assert.is(server.slowlog.length, 0)
})

test('long and numerous words are cut as in Redis', () => {
  const { server, record } = made()
  record(...Array.from({ length: 33 }, (_, i) => String(i)))
  const words = server.slowlog.newest(1)[0]?.args
  assert.is(words?.length, 32)
  assert.equal(words?.slice(-2), ['30', '... (2 more arguments)'])
  record(...Array.from({ length: 32 }, (_, i) => String(i)))
  assert.is(server.slowlog.newest(1)[0]?.args.at(-1), '31')
  record('set', 'k', 'A'.repeat(129), 'B'.repeat(128))
  assert.equal(server.slowlog.newest(1)[0]?.args, ['set', 'k', `${'A'.repeat(128)}... (1 more bytes)`, 'B'.repeat(128)])
})

test('passwords are redacted', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['AUTH user secret', 'AUTH (redacted) (redacted)'],
    ['auth secret', 'auth (redacted)'],
    ['HELLO 3 AUTH user secret SETNAME x', 'HELLO 3 AUTH (redacted) (redacted) SETNAME x'],
    ['hello 3', 'hello 3'],
    ['config set masterauth x timeout 5 REQUIREPASS y', 'config set masterauth (redacted) timeout 5 REQUIREPASS (redacted)'],
    ['config set slowlog-max-len requirepass', 'config set slowlog-max-len requirepass'],
    ['config get requirepass', 'config get requirepass'],
    ['acl setuser bob >secret on', 'acl setuser (redacted) (redacted) (redacted)'],
    ['acl whoami', 'acl whoami'],
    ['migrate h p key 9 5000 AUTH pw', 'migrate h p key 9 5000 AUTH (redacted)'],
    ['migrate h p key 9 5000 AUTH2 user pw', 'migrate h p key 9 5000 AUTH2 (redacted) (redacted)'],
    ['migrate h p auth 9 5000', 'migrate h p auth 9 5000'],
    ['set auth secret', 'set auth secret'],
  ]
  for (const [given, wanted] of cases) assert.is(redacted(given.split(' ')).join(' '), wanted)
  const plain = ['get', 'a']
  assert.is(redacted(plain), plain)
})

test.run()
