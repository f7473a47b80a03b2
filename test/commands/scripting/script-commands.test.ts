/**
 * EVAL and its relatives on an executor without a server: their log, the commands that scripts may
 * call, and SCRIPT.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { ErrorReply, type Reply, SimpleString } from '../../../commands/contract/reply.ts'
import { scripts } from '../../../commands/scripting/script-commands.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { harness } from '../../support/harness/harness.ts'

const start = () => harness([scripts, connection, ...dataFamilies])

function shown(reply: Reply | ClientError): unknown {
  if (reply instanceof ClientError) return `-${reply.message}`
  if (reply instanceof ErrorReply) return `-${reply.text}`
  if (reply instanceof SimpleString) return `+${reply.text}`
  return Array.isArray(reply) ? reply.map(shown) : reply
}

const DIGEST = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db' // of "return 1"

test("a script's effects are logged as one transaction, a single effect alone, and reads not at all", () => {
  const { run, logged } = start()
  run('EVAL', "redis.call('set', KEYS[1], ARGV[1]) redis.call('incr', 'n') return redis.call('spop', 'none')", '1', 'a', 'x')
  assert.equal(logged(), [['MULTI'], ['set', 'a', 'x'], ['incr', 'n'], ['EXEC']])
  run('EVAL', "return redis.call('set', 'b', 1)", '0')
  assert.equal(logged(), [['set', 'b', '1']])
  run('EVAL', "return redis.call('get', 'b')", '0')
  assert.equal(logged(), [])
})

test("the effects before a script's failure stay and are logged", () => {
  const { run, answer, logged } = start()
  const reply = shown(answer('EVAL', "redis.call('set', 'a', 1) redis.call('lpush', 'a', 1)", '0'))
  assert.match(String(reply), /^-WRONGTYPE .* script: [0-9a-f]{40}, on @user_script:1\.$/)
  assert.equal(logged(), [['set', 'a', '1']])
  assert.is(run('GET', 'a'), '1')
})

test("SELECT inside a script does not change the client's database", () => {
  const { run, logged } = start()
  run('EVAL', "redis.call('select', 2) redis.call('set', 'a', 1)", '0')
  assert.equal(logged(), [
    ['SELECT', '2'],
    ['set', 'a', '1'],
    ['SELECT', '0'],
  ])
  assert.is(run('EXISTS', 'a'), 0)
})

test('scripts are found by digest in any case until SCRIPT FLUSH', () => {
  const { run, answer } = start()
  assert.is(shown(answer('EVALSHA', DIGEST, '0')), '-NOSCRIPT No matching script. Please use EVAL.')
  assert.is(run('SCRIPT', 'LOAD', 'return 1'), DIGEST)
  assert.is(run('EVALSHA', DIGEST.toUpperCase(), '0'), 1)
  assert.is(run('SCRIPT', 'SHOW', DIGEST), 'return 1')
  assert.equal(run('SCRIPT', 'EXISTS', DIGEST, 'x'), [1, 0])
  run('SCRIPT', 'FLUSH', 'ASYNC')
  assert.equal(run('SCRIPT', 'EXISTS', DIGEST), [0])
  assert.is(shown(answer('SCRIPT', 'FLUSH', 'NOW')), '-ERR SCRIPT FLUSH only support SYNC|ASYNC option')
})

test('the last five hundred evaluated scripts are kept, and all loaded ones', () => {
  const { run } = start()
  run('SCRIPT', 'LOAD', 'return 1')
  run('EVAL', "return 'first'", '0')
  for (let i = 0; i < 500; i++) run('EVAL', `return ${i + 2}`, '0')
  assert.equal(run('SCRIPT', 'EXISTS', DIGEST, 'ed1a9ac9e3ee6c4de6b8bcb5d5e6ab9dbbb0d9a7'), [1, 0])
  assert.is(run('EVALSHA', DIGEST, '0'), 1)
  assert.is(run('EVAL', "return 'first'", '0'), 'first')
})

test('writes in a read-only script are refused', () => {
  const { answer, logged } = start()
  for (const words of [
    ['EVAL_RO', "return redis.call('set', 'a', 1)", '0'],
    ['EVAL', "#!lua flags=no-writes\nreturn redis.call('set', 'a', 1)", '0'],
  ]) {
    assert.match(String(shown(answer(...words))), /^-ERR Write commands are not allowed from read-only scripts\. script:/)
  }
  assert.equal(logged(), [])
})

test('blocking commands in a script do not block, and XREAD with BLOCK is refused', () => {
  const { run, answer } = start()
  assert.is(run('EVAL', "return redis.call('blpop', 'none', 0)", '0'), null)
  const refused = shown(answer('EVAL', "return redis.pcall('xread', 'BLOCK', 0, 'STREAMS', 's', '$')", '0'))
  assert.is(refused, '-ERR xread command is not allowed with BLOCK option from scripts')
})

test("numbers become arguments in Redis 7.2's format", () => {
  const { run } = start()
  for (const [number, text] of [
    ['0.1', '0.1'],
    ['1/3', '0.3333333333333333'],
    ['0.1 + 0.2', '0.30000000000000004'],
    ['-0.5', '-0.5'],
    ['3', '3'],
    ['-0', '0'],
    ['0 * -1', '0'],
    ['2^31', '2147483648'],
    ['1e15', '1000000000000000'],
    ['2^53', '9007199254740992'],
    ['-2^53 - 2', '-9007199254740994'],
    ['1e17', '100000000000000000'],
    ['1e18', '1000000000000000000'],
    ['2^62', '4611686018427387904'],
    ['5e18', '5000000000000000000'],
    ['2^63 - 1024', '9223372036854774784'],
    ['-2^63', '-9223372036854775808'],
    ['1e19', '1e+19'],
    ['1e300', '1e+300'],
    ['1.5e-7', '1.5e-7'],
    ['0.0001', '0.0001'],
    ['5e-324', '5e-324'],
    ['1/0', 'inf'],
    ['-1/0', '-inf'],
  ] as const) {
    assert.is(run('EVAL', `return redis.call('ECHO', ${number})`, '0'), text, number)
    assert.is(run('EVAL', `return redis.pcall('ECHO', ${number})`, '0'), text, number)
  }
  assert.equal(run('EVAL', "local n = 0/0 return {redis.call('ECHO', n), redis.call('ECHO', -n)}", '0'), [
    run('EVAL', 'return tostring(0/0)', '0'),
    run('EVAL', 'return tostring(-(0/0))', '0'),
  ])
  const counted = "redis.call('SET', 'k', tonumber(ARGV[1])) return redis.call('INCRBY', 'k', tonumber(ARGV[2]))"
  assert.is(run('EVAL', counted, '0', '5e18', '1e18'), 6_000_000_000_000_000_000n)
  assert.is(run('EVAL', "redis.call('SET', 'k', 0.1) return redis.call('INCRBYFLOAT', 'k', 0.2)", '0'), '0.3')
  assert.is(run('EVAL', "redis.call('ZADD', 'z', 0.1, 'm') return redis.call('ZSCORE', 'z', 'm')", '0'), '0.1')
})

test('Lua and cjson print numbers with 14 digits, as in Redis', () => {
  const { run, answer } = start()
  assert.equal(run('EVAL', "return {0.1 .. '', tostring(1/3), 2^53 .. '', cjson.encode(1/3), redis.sha1hex(0.1)}", '0'), [
    '0.1',
    '0.33333333333333',
    '9.007199254741e+15',
    '0.33333333333333',
    '180505679cfe0cca79bae51fdda0296b7cd9c493',
  ])
  assert.match(String(shown(answer('EVAL', 'error({err = 0.1})', '0'))), /^-0\.1 script: [0-9a-f]{40}, on @user_script:1\.$/)
  assert.match(String(shown(answer('EVAL', 'error(0.1)', '0'))), /^-ERR user_script:1: 0\.1 script: /)
})

test('number arguments of redis.log, redis.setresp and redis.set_repl are cast to int as in C', () => {
  const { run, answer } = start()
  for (const given of ["redis.log(1.5, 'x')", "redis.log('2', 'x')", "redis.log(-0.5, 'x')", 'redis.log(3.9, 1)']) {
    assert.is(run('EVAL', given, '0'), null, given)
  }
  for (const given of ["redis.setresp('3')", 'redis.setresp(3.5)', 'redis.set_repl(3.5)', "redis.set_repl('x')"]) {
    assert.is(run('EVAL', given, '0'), null, given)
  }
  for (const [given, refusal] of [
    ["redis.log(2^40, 'x')", 'ERR Invalid debug level.'],
    ["redis.log(0/0, 'x')", 'ERR Invalid debug level.'],
    ["redis.log('x', 'x')", 'ERR First argument must be a number (log level).'],
    ['redis.setresp(2^32 + 3)', 'ERR RESP version must be 2 or 3.'],
    ['redis.set_repl(2^32 + 3)', 'ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.'],
  ] as const) {
    assert.ok(String(shown(answer('EVAL', given, '0'))).startsWith(`-${refusal} script: `), given)
  }
})

test('precompiled Lua is refused as a syntax error wherever a script is compiled', () => {
  const { run, answer } = start()
  const bytecode = run('EVAL', 'return string.dump(function() return 7 end)', '0') as Bytes
  assert.is(bytecode.slice(0, 4), '\x1bLua')
  const refusal = "user_script:1: unexpected symbol near 'char(27)'"
  for (const text of [bytecode, '\x1b', '\x1breturn 1']) {
    for (const words of [
      ['EVAL', text, '0'],
      ['EVAL_RO', text, '0'],
      ['SCRIPT', 'LOAD', text],
    ]) {
      assert.is(shown(answer(...words)), `-ERR Error compiling script (new function): ${refusal}`, words[0])
    }
    const load =
      "local f, e = loadstring(ARGV[1]) local g, d = load(function() local t = ARGV[1] ARGV[1] = '' return t end) return {tostring(f), e, tostring(g), d}"
    const refused = ": unexpected symbol near 'char(27)'"
    const [f, e, g, d] = run('EVAL', load, '0', text) as Bytes[]
    assert.equal([f, g], ['nil', 'nil'])
    assert.ok(e?.endsWith(refused) && d === `(load):1${refused}`, `${e} ${d}`)
  }
})

test('invalid arguments are refused before a script runs', () => {
  const { answer } = start()
  for (const [words, text] of [
    [['EVAL', 'return 1', 'x'], 'ERR value is not an integer or out of range'],
    [['EVAL', 'return 1', '-1'], "ERR Number of keys can't be negative"],
    [['EVAL', 'return 1', '2', 'a'], "ERR Number of keys can't be greater than number of args"],
    [['EVAL', 'x', '0'], "ERR Error compiling script (new function): user_script:1: '=' expected near '<eof>'"],
    [['EVAL', '#!lua flags=x\nreturn 1', '0'], 'ERR Unexpected flag in script shebang: x'],
    [['SCRIPT', 'LOAD', '('], "ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'"],
    [['SCRIPT', 'KILL'], 'NOTBUSY No scripts in execution right now.'],
    [['SCRIPT', 'DEBUG', 'yes'], 'ERR SCRIPT DEBUG is not supported by this server'],
  ] as const) {
    assert.is(shown(answer(...words)), `-${text}`, words.join(' '))
  }
})

test.run()
