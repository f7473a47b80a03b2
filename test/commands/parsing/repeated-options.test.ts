/**
 * Repeated options, and values that look like options. ACL, tracking, prefetching and COMMAND
 * GETKEYS see the keys that the command uses.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { User } from '../../../commands/acl/user.ts'
import { applyRules } from '../../../commands/acl/user-rules.ts'
import { firstKeyOf, keyUsesOf } from '../../../commands/contract/key-finder.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import { families } from '../../../commands/families.ts'
import { commandInfo } from '../../../commands/introspection/command-info.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { leavesOf } from '../../support/generators/table-requests.ts'
import { harness } from '../../support/harness/harness.ts'

const table = new CommandTable(families)

/** Requests with their keys. A star marks a key that is written. */
const KEYS: Readonly<Record<string, string>> = {
  'georadius src 0 0 1 m STORE ok STORE dst': 'src dst*',
  'georadius src 0 0 1 m STORE ok STOREDIST dst': 'src dst*',
  'georadius src 0 0 1 m STOREDIST ok ASC store dst COUNT 1': 'src dst*',
  'georadius src 0 0 1 m STORE STORE': 'src STORE*',
  'georadius src 0 0 1 m STORE STORE STORE STOREDIST': 'src STOREDIST*',
  'georadius src 0 0 1 m COUNT store STORE dst': 'src dst*',
  'georadius src 0 0 1 m STORE': 'src',
  'georadius src 0 0 1 m': 'src',
  'georadiusbymember src STORE 1 m STORE ok STOREDIST dst': 'src dst*',
  'georadiusbymember STORE STORE 1 m': 'STORE',
  'georadius_ro src 0 0 1 m STORE dst': 'src',
  'geosearchstore dst src FROMMEMBER m BYRADIUS 1 m STOREDIST STOREDIST': 'dst* src',
  'sort src BY a* BY b* GET STORE GET # LIMIT 0 1 LIMIT 0 2 STORE ok STORE dst': 'src dst*',
  'sort src STORE STORE': 'src STORE*',
  'sort src GET STORE STORE STORE': 'src STORE*',
  'sort_ro src GET STORE': 'src',
  'xread COUNT 1 COUNT 2 STREAMS a b 0 0': 'a b',
  'xread STREAMS STREAMS 0': 'STREAMS',
  'xread BLOCK 1 COUNT 1 STREAMS streams block 0 0': 'streams block',
  'xreadgroup GROUP streams streams STREAMS src >': 'src',
  'xreadgroup COUNT 1 GROUP streams streams STREAMS src >': 'src',
  'xreadgroup COUNT 1 NOACK GROUP g streams GROUP streams c STREAMS a b > >': 'a b',
  'xreadgroup GROUP g c COUNT 1': '',
  'zunionstore dst 2 WEIGHTS AGGREGATE WEIGHTS 1 2 WEIGHTS 2 1': 'dst* WEIGHTS AGGREGATE',
  'lmpop 1 LEFT LEFT COUNT 1': 'LEFT*',
  'copy DB REPLACE DB 1 REPLACE REPLACE': 'DB REPLACE*',
  'set GET v': 'GET*',
  'set k GET EX 1 EX 2': 'k*',
  'bitfield k GET u8 0 GET u8 0': 'k',
  'migrate h 1 k 0 5 AUTH KEYS': 'k*',
  'migrate h 1  0 5 AUTH KEYS KEYS a b': 'a* b*',
  'migrate h 1  0 5 AUTH2 KEYS KEYS COPY KEYS KEYS': 'KEYS*',
  'bitfield k GET u8 0 OVERFLOW SAT OVERFLOW FAIL INCRBY u8 0 1': 'k*',
}

const find = (words: readonly Bytes[]) => {
  const command = table.find(words[0] as Bytes)
  if (command === undefined) throw new Error(`no command ${words[0]}`)
  return command
}

test('the keys of a request are those that its last options name', () => {
  for (const [request, expected] of Object.entries(KEYS)) {
    const words = request.split(' ')
    const uses = keyUsesOf(find(words), words)
    const isWrite = (access: readonly string[]) => access.some((word) => /update|insert|delete/.test(word))
    const found = uses.map(({ position, access }) => `${words[position]}${isWrite(access) ? '*' : ''}`)
    assert.is(found.join(' '), expected, request)
    assert.is(firstKeyOf(find(words), words), uses[0]?.position ?? 0, `the first key of ${request}`)
  }
})

test('COMMAND GETKEYS and GETKEYSANDFLAGS return the last STORE key of GEORADIUS', () => {
  const { run } = harness([...dataFamilies, commandInfo])
  const request = 'georadius src 0 0 1 m STORE ok STORE STORE'.split(' ')
  assert.equal(run('COMMAND', 'GETKEYS', ...request), ['src', 'STORE'])
  const flagged = run('COMMAND', 'GETKEYSANDFLAGS', ...request) as readonly (readonly unknown[])[]
  assert.equal(
    flagged.map(([key]) => key),
    ['src', 'STORE'],
  )
})

test('commands with keyword specs find their keys by parsing their options', () => {
  const byKeyword = leavesOf(families).filter(({ keys = [] }) => keys.some(({ begin }) => 'keyword' in begin))
  assert.equal(byKeyword.map(({ name }) => name).sort(), ['georadius', 'georadiusbymember', 'migrate', 'xread', 'xreadgroup'])
  for (const { name, findKeys } of byKeyword) assert.type(findKeys, 'function', name)
})

test('ACL checks the key of the last repeated option', () => {
  const user = new User('bob', 'no-channels')
  applyRules(user, ['+@all', '~src', '~ok', '~streams'], { table, channelDefault: () => 'no-channels', warn() {} })
  const denied = (request: string) => {
    const words = request.split(' ')
    return user.denialOf(find(words), words)?.object ?? 'nothing'
  }
  assert.is(denied('georadius src 0 0 1 m STORE ok STORE dst'), 'dst')
  assert.is(denied('georadius src 0 0 1 m STOREDIST ok STORE dst'), 'dst')
  assert.is(denied('georadius src 0 0 1 m STORE dst STORE ok'), 'nothing')
  assert.is(denied('georadiusbymember src m 1 m STORE ok STOREDIST dst'), 'dst')
  assert.is(denied('sort src STORE ok STORE dst'), 'dst')
  assert.is(denied('xreadgroup COUNT 1 GROUP streams streams STREAMS secret >'), 'secret')
  assert.is(denied('xreadgroup GROUP streams streams STREAMS secret 0'), 'secret')
})

test('tracking remembers the streams that XREAD reads, even one named like the keyword', () => {
  const { run, session, executor } = harness(dataFamilies)
  run('XADD', 'src', '1-1', 'a', 'b')
  session.resp = 3
  executor.tracking.enable(session, { redirect: 0, isBroadcast: false, choice: 'all', mustSkipOwn: false }, [])
  run('XREAD', 'COUNT', '1', 'COUNT', '2', 'STREAMS', 'streams', 'src', '0', '0')
  run('XADD', 'streams', '2-1', 'a', 'b')
  run('XADD', 'src', '2-1', 'a', 'b')
  executor.tracking.endTurn()
  assert.equal(
    session.pushed.map(({ items }) => items[1]),
    [['streams'], ['src']],
  )
})

test.run()
