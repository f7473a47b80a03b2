/** COMMAND and its subcommands: flags, key specifications and categories as Redis shows them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { categoriesOf } from '../../../commands/contract/categories.ts'
import type { Args } from '../../../commands/contract/command.ts'
import { type Command, command, firstKey, keyRange } from '../../../commands/contract/command.ts'
import type { Context } from '../../../commands/contract/context.ts'
import { findBitfieldKeys, findSetKeys, findSortKeys, firstKeyOf, keysOf } from '../../../commands/contract/key-finder.ts'
import { MapReply, type Reply, SetReply, SimpleString } from '../../../commands/contract/reply.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import { commandInfo } from '../../../commands/introspection/command-info.ts'

const nothing = () => null
const written = { since: '1.0.0', summary: 'Does it.', syntax: '' }

const set = command({
  ...written,
  name: 'set',
  group: 'string',
  syntax: 'SET key value [NX | XX]',
  complexity: 'O(1)',
  arity: -3,
  flags: ['denyoom', 'write'],
  keys: [{ ...firstKey('RW', 'access', 'update', 'variable_flags')[0]!, notes: 'RW and ACCESS due to the optional `GET` argument' }],
  findKeys: findSetKeys,
  history: [['2.6.12', 'Options.']],
  run: nothing,
})
const substr = command({
  ...written,
  name: 'substr',
  group: 'string',
  syntax: 'SUBSTR key start end',
  arity: 4,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  docFlags: ['deprecated'],
  deprecatedSince: '2.0.0',
  replacedBy: '`GETRANGE`',
  run: nothing,
})
const mset = command({
  ...written,
  name: 'mset',
  group: 'string',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, -1, 2, 'OW', 'update')],
  run: nothing,
})
const mget = command({
  ...written,
  name: 'mget',
  group: 'string',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keyRange(1, -1, 1, 'RO', 'access')],
  run: nothing,
})
const bitop = command({
  ...written,
  name: 'bitop',
  group: 'bitmap',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: [keyRange(2, 2, 1, 'OW', 'update'), keyRange(3, -1, 1, 'RO', 'access')],
  run: nothing,
})
const bitfield = command({
  ...written,
  name: 'bitfield',
  group: 'bitmap',
  arity: -2,
  flags: ['write', 'denyoom'],
  keys: firstKey('RW'),
  findKeys: findBitfieldKeys,
  run: nothing,
})
const evaluate = command({
  ...written,
  name: 'eval',
  group: 'scripting',
  arity: -3,
  flags: ['noscript', 'stale', 'skip_monitor', 'no_mandatory_keys'],
  keys: [{ access: ['RW', 'access', 'update'], begin: { index: 2 }, find: { countIndex: 0, first: 1, step: 1 } }],
  run: nothing,
})
const xread = command({
  ...written,
  name: 'xread',
  group: 'stream',
  arity: -4,
  flags: ['blocking', 'readonly'],
  keys: [{ access: ['RO', 'access'], begin: { keyword: 'STREAMS', startFrom: 1 }, find: { last: -1, step: 1, limit: 2 } }],
  run: nothing,
})
const sort = command({
  ...written,
  name: 'sort',
  group: 'generic',
  categories: ['set', 'sortedset', 'list', 'dangerous'],
  arity: -2,
  flags: ['write', 'denyoom'],
  keys: [
    ...firstKey('RO', 'access'),
    { access: ['RO', 'access'], begin: { unknown: true }, find: { unknown: true } },
    { access: ['OW', 'update'], begin: { unknown: true }, find: { unknown: true } },
  ],
  findKeys: findSortKeys,
  run: nothing,
})
const client = command({
  ...written,
  name: 'client',
  group: 'connection',
  arity: -2,
  flags: [],
  subcommands: [
    command({ ...written, name: 'client|id', group: 'connection', arity: 2, flags: ['noscript', 'loading', 'stale'], run: nothing }),
    command({
      ...written,
      name: 'client|kill',
      group: 'connection',
      arity: -3,
      flags: ['admin', 'noscript', 'loading', 'stale'],
      run: nothing,
    }),
  ],
})
const keys = command({ ...written, name: 'keys', group: 'generic', categories: ['dangerous'], arity: 2, flags: ['readonly'], run: nothing })

const family: readonly Command[] = [set, substr, mset, mget, bitop, bitfield, evaluate, xread, sort, client, keys]
const table = new CommandTable([family, commandInfo])
const context = { server: { table } } as unknown as Context

/** Runs COMMAND with the words of a client's line. */
function ask(line: string): Reply {
  const words = line.split(' ').filter((word) => word !== '')
  const all = commandInfo[0]!
  const found = words.length === 0 ? all : table.findSubcommand(all, words[0]!)!
  return found.run!(context, ['COMMAND', ...words] as unknown as Args)
}

/** Returns RESP3 as plain values: sets as {set}, maps as {map}, simple strings as +text. */
function plain(reply: unknown): unknown {
  if (reply instanceof SimpleString) return `+${reply.text}`
  if (reply instanceof SetReply) return { set: reply.members.map(plain) }
  if (reply instanceof MapReply) return { map: reply.flat.map(plain) }
  return Array.isArray(reply) ? reply.map(plain) : reply
}

const range = (last: number, step: number, limit: number) => ({
  map: ['type', 'range', 'spec', { map: ['lastkey', last, 'keystep', step, 'limit', limit] }],
})

test("COMMAND INFO shows Redis's ten elements, and null for unknown commands", () => {
  assert.equal(plain(ask('INFO SET nosuch get|x client|id|x')), [
    [
      'set',
      -3,
      { set: ['+write', '+denyoom'] },
      1,
      1,
      1,
      { set: ['+@write', '+@string', '+@slow'] },
      { set: [] },
      {
        set: [
          {
            map: [
              'notes',
              'RW and ACCESS due to the optional `GET` argument',
              'flags',
              { set: ['+RW', '+access', '+update', '+variable_flags'] },
              'begin_search',
              { map: ['type', 'index', 'spec', { map: ['index', 1] }] },
              'find_keys',
              range(0, 1, 0),
            ],
          },
        ],
      },
      { set: [] },
    ],
    null,
    null,
    null,
  ])
})

test('COMMAND INFO shows keyword, keynum and unknown specs', () => {
  const specs = (name: string) => JSON.stringify((plain(ask(`INFO ${name}`)) as unknown[][])[0]![8])
  assert.match(specs('xread'), '{"map":["type","keyword","spec",{"map":["keyword","STREAMS","startfrom",1]}]}')
  assert.match(specs('eval'), '{"map":["type","keynum","spec",{"map":["keynumidx",0,"firstkey",1,"keystep",1]}]}')
  assert.match(specs('sort'), '"begin_search",{"map":["type","unknown","spec",{"map":[]}]},"find_keys",{"map":["type","unknown"')
})

test('first key, last key and step cover adjoining specs, and movablekeys marks others', () => {
  const shown = (name: string) => {
    const [, , flags, first, last, step] = (plain(ask(`INFO ${name}`)) as unknown[][])[0]!
    return [first, last, step, JSON.stringify(flags).includes('movablekeys')]
  }
  assert.equal(shown('mset'), [1, -1, 2, false])
  assert.equal(shown('mget'), [1, -1, 1, false])
  assert.equal(shown('bitop'), [2, -1, 1, false])
  assert.equal(shown('eval'), [0, 0, 0, true])
  assert.equal(shown('xread'), [0, 0, 0, true])
  assert.equal(shown('sort'), [1, 1, 1, true])
  assert.equal(shown('client'), [0, 0, 0, false])
})

test('COMMAND INFO nests subcommands', () => {
  const [container] = plain(ask('INFO client')) as unknown[][]
  assert.equal(container![9], [plain(ask('INFO CLIENT|ID')), plain(ask('INFO client|kill'))].flat())
})

test('COMMAND and COMMAND INFO without names show all commands', () => {
  assert.is((ask('') as unknown[]).length, family.length + 1)
  assert.equal(plain(ask('INFO')), plain(ask('')))
  assert.is(ask('COUNT'), family.length + 1)
})

test('COMMAND DOCS is a map of maps without unknown commands', () => {
  assert.equal(plain(ask('DOCS nosuch substr')), {
    map: [
      'substr',
      {
        map: [
          ...['summary', 'Does it.', 'since', '1.0.0', 'group', 'string', 'doc_flags', { set: ['+deprecated'] }],
          ...['deprecated_since', '2.0.0', 'replaced_by', '`GETRANGE`', 'arguments'],
          [
            { map: ['name', 'key', 'type', 'key', 'display_text', 'key', 'key_spec_index', 0] },
            { map: ['name', 'start', 'type', 'integer', 'display_text', 'start'] },
            { map: ['name', 'end', 'type', 'integer', 'display_text', 'end'] },
          ],
        ],
      },
    ],
  })
  const [, docs] = (plain(ask('DOCS set')) as { map: { map: unknown[] }[] }).map
  assert.equal(docs!.map.slice(8, 10), ['history', { set: [['2.6.12', 'Options.']] }])
  assert.equal((docs!.map.at(-1) as unknown[])[2], {
    map: [
      ...['name', 'condition', 'type', 'oneof', 'flags', { set: ['+optional'] }, 'arguments'],
      [
        { map: ['name', 'nx', 'type', 'pure-token', 'display_text', 'nx', 'token', 'NX'] },
        { map: ['name', 'xx', 'type', 'pure-token', 'display_text', 'xx', 'token', 'XX'] },
      ],
    ],
  })
  assert.equal((plain(ask('DOCS client')) as { map: { map: unknown[] }[] }).map[1]!.map.at(-2), 'subcommands')
})

test('COMMAND LIST filters by pattern, ACL category and module', () => {
  assert.ok((ask('LIST') as string[]).includes('client|kill'))
  assert.equal(ask('LIST FILTERBY PATTERN SET'), ['set'])
  assert.equal(ask('LIST filterby pattern client|*'), ['client|id', 'client|kill'])
  assert.equal(ask('LIST FILTERBY ACLCAT Scripting'), ['eval'])
  assert.equal(ask('LIST FILTERBY ACLCAT none'), [])
  assert.equal(ask('LIST FILTERBY MODULE x'), [])
  for (const line of ['LIST x', 'LIST FILTERBY x', 'LIST FILTERBY x y']) assert.throws(() => ask(line), /^ERR syntax error$/)
})

/** Requests with the keys and flags that Redis 7.0.15 finds in them. */
const KEYS: readonly (readonly [request: string, keys: string])[] = [
  ['set k v', 'k:OW,update'],
  ['set k v EX 10 GET', 'k:RW,access,update'],
  ['mset a 1 b 2', 'a:OW,update b:OW,update'],
  ['mget a b c', 'a:RO,access b:RO,access c:RO,access'],
  ['bitop and d a b', 'd:OW,update a:RO,access b:RO,access'],
  ['bitfield k get u8 0', 'k:RO,access'],
  ['bitfield k overflow sat get u8 0', 'k:RO,access'],
  ['bitfield k get u8 0 set u8 0 1', 'k:RW,access,update'],
  ['eval x 0', ''],
  ['eval x 3 a', ''],
  ['eval x 2 a b c', 'a:RW,access,update b:RW,access,update'],
  ['xread count 1 streams a b 0 0', 'a:RO,access b:RO,access'],
  ['sort k by w_* get STORE store d limit store store get # store e', 'k:RO,access e:OW,update'],
]

for (const [request, expected] of KEYS)
  test(`the keys of "${request}" are ${expected || 'none'}`, () => {
    const found = plain(ask(`GETKEYSANDFLAGS ${request}`)) as [string, { set: string[] }][]
    assert.is(found.map(([key, flags]) => `${key}:${flags.set.map((flag) => flag.slice(1))}`).join(' '), expected)
    const words = request.split(' ')
    const one = table.find(words[0]!)!
    assert.equal(
      ask(`GETKEYS ${request}`),
      keysOf(one, words).map((position) => words[position]),
    )
    assert.is(firstKeyOf(one, words), keysOf(one, words)[0] ?? 0)
  })

test('COMMAND GETKEYS refuses commands without keys', () => {
  assert.throws(() => ask('GETKEYS nosuch a'), /^ERR Invalid command specified$/)
  assert.throws(() => ask('GETKEYS client nosuch'), /^ERR Invalid command specified$/)
  assert.throws(() => ask('GETKEYS client id'), /^ERR The command has no key arguments$/)
  assert.throws(() => ask('GETKEYS keys *'), /^ERR The command has no key arguments$/)
  assert.throws(() => ask('GETKEYS set k'), /^ERR Invalid number of arguments specified for command$/)
  assert.throws(() => ask('GETKEYS xread count 2 a 0'), /^ERR Invalid arguments specified for command$/)
})

test('ACL categories follow from group, flags and declaration', () => {
  assert.equal(categoriesOf(mget), ['read', 'string', 'fast'])
  assert.equal(categoriesOf(evaluate), ['slow', 'scripting'])
  assert.equal(categoriesOf(sort), ['write', 'set', 'sortedset', 'list', 'slow', 'dangerous'])
  assert.equal(categoriesOf(keys), ['keyspace', 'read', 'slow', 'dangerous'])
  assert.equal(categoriesOf(client), ['slow'])
  assert.equal(categoriesOf(client.subcommands![1]!), ['admin', 'slow', 'dangerous', 'connection'])
  assert.equal(categoriesOf(xread), ['read', 'stream', 'slow', 'blocking'])
})

test('COMMAND HELP is the list of subcommands', () => {
  const lines = plain(ask('HELP')) as string[]
  assert.is(lines[0], '+COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')
  assert.is(lines.at(-1), '+    Print this help.')
})

test.run()
