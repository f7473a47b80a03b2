/** Arguments of COMMAND DOCS, derived from the syntax line of a command. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Command, firstKey, keyRange } from '../../../commands/contract/command.ts'
import { type ArgumentDoc, argumentsOf } from '../../../commands/introspection/docs.ts'

/**
 * Returns a short form: `name:type`, a TOKEN before it, then ? optional, + multiple, ! with its
 * token. Parts are in brackets; @n is the key spec.
 */
function short(argument: ArgumentDoc): string {
  const token = argument.token === undefined || argument.type === 'pure-token' ? '' : `${argument.token} `
  const key = argument.keySpecIndex === undefined ? '' : `@${argument.keySpecIndex}`
  const flags = `${argument.optional ? '?' : ''}${argument.multiple ? '+' : ''}${argument.multipleToken ? '!' : ''}`
  const parts = argument.parts === undefined ? '' : `(${argument.parts.map(short).join(', ')})`
  return `${token}${argument.name}:${argument.type}${key}${flags}${parts}`
}

function shortOf(syntax: string, rest: Partial<Command> = {}): string {
  const command: Command = {
    name: syntax.split(' ')[0]!.toLowerCase(),
    group: 'string',
    since: '1.0.0',
    summary: '',
    syntax,
    arity: -1,
    flags: [],
    keys: firstKey('RW'),
    ...rest,
  }
  return argumentsOf(command).map(short).join(', ')
}

test('SET has alternatives, tokens with a value and tokens alone', () => {
  assert.is(
    shortOf(
      'SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
    ),
    'key:key@0, value:string, condition:oneof?(nx:pure-token, xx:pure-token), get:pure-token?, ' +
      'expiration:oneof?(EX seconds:integer, PX milliseconds:integer, EXAT unix-time-seconds:unix-time, ' +
      'PXAT unix-time-milliseconds:unix-time, keepttl:pure-token)',
  )
})

test('an argument, a pair and an argument with its token can repeat', () => {
  assert.is(shortOf('DEL key [key ...]'), 'key:key@0+')
  assert.is(shortOf('MSET key value [key value ...]'), 'data:block+(key:key@0, value:string)')
  assert.is(shortOf('COMMAND INFO [name [name ...]]', { name: 'command|info', keys: [] }), 'name:string?+')
  assert.is(shortOf('SORT key [GET pattern [GET pattern ...]]'), 'key:key@0, GET pattern:pattern?+!')
  assert.is(
    shortOf('XREAD [COUNT count] STREAMS key [key ...] id [id ...]'),
    'COUNT count:integer?, STREAMS streams:block(key:key@0+, id:string+)',
  )
})

test('a token takes the placeholders or the choice that follow it', () => {
  assert.is(shortOf('SORT key [LIMIT offset count]'), 'key:key@0, LIMIT limit:block?(offset:integer, count:integer)')
  assert.is(
    shortOf('ZUNION numkeys key [key ...] [AGGREGATE <SUM | MIN | MAX>]'),
    'numkeys:integer, key:key@0+, AGGREGATE aggregate:oneof?(sum:pure-token, min:pure-token, max:pure-token)',
  )
  assert.is(
    shortOf('SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]', { keys: [] }),
    'cursor:integer, MATCH pattern:pattern?, COUNT count:integer?, TYPE type:string?',
  )
})

test('BITFIELD repeats a whole choice', () => {
  const operations = 'GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment>'
  assert.is(
    shortOf(`BITFIELD key [${operations} [${operations} ...]]`, { group: 'bitmap' }),
    'key:key@0, operation:oneof?+(GET get:block(encoding:string, offset:integer), overflow-block-write-operation:block(' +
      'OVERFLOW overflow-block:oneof?(wrap:pure-token, sat:pure-token, fail:pure-token), ' +
      'write-operation:oneof(SET set:block(encoding:string, offset:integer, value:integer), ' +
      'INCRBY incrby:block(encoding:string, offset:integer, increment:integer))))',
  )
})

test('CLIENT KILL has a choice inside a choice, the second one repeated', () => {
  assert.is(
    shortOf('CLIENT KILL <ip:port | <[ID client-id] | [SKIPME <YES | NO>] [[ID client-id] | [SKIPME <YES | NO>] ...]>>', {
      name: 'client|kill',
      keys: [],
    }),
    'ip:port-client-id-skipme:oneof(ip:port:string, client-id-skipme:oneof+(' +
      'ID client-id:integer?, SKIPME skipme:oneof?(yes:pure-token, no:pure-token)))',
  )
})

test('key arguments are numbered by the key specs', () => {
  assert.is(
    shortOf('BITOP <AND | OR | XOR | NOT> destkey key [key ...]', { keys: [keyRange(2, 2, 1, 'OW'), keyRange(3, -1, 1, 'RO')] }),
    'operation:oneof(and:pure-token, or:pure-token, xor:pure-token, not:pure-token), destkey:key@0, key:key@1+',
  )
  assert.is(shortOf('CLUSTER KEYSLOT key', { name: 'cluster|keyslot', keys: [] }), 'key:string')
})

test('types depend on the command if names do not determine them', () => {
  assert.is(shortOf('INCRBYFLOAT key increment'), 'key:key@0, increment:double')
  assert.is(shortOf('INCRBY key increment'), 'key:key@0, increment:integer')
  assert.is(shortOf('ZRANGE key start stop', { group: 'sorted-set' }), 'key:key@0, start:string, stop:string')
  assert.is(shortOf('BLPOP key [key ...] timeout', { group: 'list', flags: ['blocking'] }), 'key:key@0+, timeout:double')
})

test('a malformed syntax line throws nothing', () => {
  assert.is(shortOf('X key [other ...]'), 'key:key@0, other:string?+')
  assert.is(shortOf('X key [EX seconds'), 'key:key@0, EX seconds:integer?')
  assert.is(shortOf('X'), '')
})

test('LMOVE names its two ends differently', () => {
  assert.is(
    shortOf('LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>', {
      group: 'list',
      keys: [...firstKey('RW'), keyRange(2, 2, 1, 'RW')],
    }),
    'source:key@0, destination:key@1, wherefrom:oneof(left:pure-token, right:pure-token), whereto:oneof(left:pure-token, right:pure-token)',
  )
})

test.run()
