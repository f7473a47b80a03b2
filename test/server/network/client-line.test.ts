/** The line of a client in CLIENT LIST. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeClient } from '../../../server/network/client-line.ts'
import { FakeSession } from '../../support/harness/fake-session.ts'

function session(changes: Partial<FakeSession> = {}): FakeSession {
  return Object.assign(new FakeSession(5), { createdAtMs: 1000, lastActiveMs: 9000 }, changes)
}

const field = (line: string, name: string) => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1]

test('a line has the fields of Redis 7.2 in its order', () => {
  const line = describeClient(session({ name: 'n', lastCommand: 'client|list', libraryName: 'lib', libraryVersion: '1.0' }), 12_999)
  const names = [...line.matchAll(/([\w-]+)=/g)].map((match) => match[1]).join(' ')
  assert.is(
    names,
    'id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver',
  )
  assert.match(line, /^id=5 addr=127\.0\.0\.1:50000 laddr=127\.0\.0\.1:6379 fd=-1 name=n age=11 idle=3 flags=N db=0 /)
  assert.match(line, / events=r cmd=client\|list user=default redir=-1 resp=2 lib-name=lib lib-ver=1\.0$/)
})

test('flags show the kind of client', () => {
  const flags = (changes: Partial<FakeSession>) => field(describeClient(session(changes), 9000), 'flags')
  assert.is(flags({}), 'N')
  assert.is(flags({ isMonitoring: true }), 'O')
  assert.is(flags({ remoteRole: 'replica' }), 'S')
  assert.is(flags({ remoteRole: 'master' }), 'M')
  assert.is(flags({ localAddress: '/tmp/s.sock:0' }), 'U')
  assert.is(flags({ isEvictionExempt: true, mustNotTouch: true }), 'eT')
})

test('the total counts buffers once, and a clock set back gives no negative age', () => {
  const base = Number(field(describeClient(session(), 9000), 'tot-mem'))
  const line = describeClient(session({ queryBufferBytes: () => 10, outputBufferBytes: () => 300 }), 0)
  assert.equal([field(line, 'qbuf'), field(line, 'omem'), field(line, 'oll'), field(line, 'events')], ['10', '300', '1', 'rw'])
  assert.is(Number(field(line, 'tot-mem')), base + 310)
  assert.equal([field(line, 'age'), field(line, 'cmd')], ['0', 'NULL'])
})

test.run()
