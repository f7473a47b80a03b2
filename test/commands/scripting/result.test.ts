/**
 * Results of scripts as replies: converted in steps, within limits, and killed as the script can
 * be.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { Double, ErrorReply, MapReply, type Reply, SetReply, SimpleString, Verbatim } from '../../../commands/contract/reply.ts'
import { REPLY_TOO_LARGE, ReplyTooLarge, ScriptResult } from '../../../commands/scripting/result.ts'
import { scripts } from '../../../commands/scripting/script-commands.ts'
import { LIBRARIES } from '../../../lua/libraries/all.ts'
import { LuaMachine } from '../../../lua/machine.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { until } from '../../support/harness/engine.ts'
import { harness } from '../../support/harness/harness.ts'

const MEGABYTE = 2 ** 20
const LIMIT_BYTES = 24 * MEGABYTE

/** A busy-reply-threshold that no script reaches, even on a busy machine. */
const NEVER_MS = 3_600_000

const textOf = (reply: Reply | ClientError): Bytes => (reply instanceof ClientError ? reply.message : (reply as ErrorReply).text)

/** Returns the reply of a piece of Lua and the number of steps that its conversion took. */
function converted(lua: Bytes, resp: 2 | 3 = 2): { readonly reply: Reply; readonly steps: number } {
  const machine = new LuaMachine({ limitBytes: LIMIT_BYTES, monotonicMs: () => 0, libraries: LIBRARIES })
  const reference = machine.compile(lua, '@user_script')
  if (typeof reference === 'string') throw new Error(reference)
  const state = machine.start(reference)
  assert.is(state, 'done', lua)
  const result = new ScriptResult(machine.stack, resp)
  let steps = 1
  while (!result.convertMore()) steps++
  assert.is(machine.stack.top, 0, `the stack after ${lua}`)
  return { reply: result.reply, steps }
}

const LISTS = 'local t = {1, 2} for i = 1, 40 do t = {t, t} end return t'
const BOMBS: Readonly<Record<string, Bytes>> = {
  lists: LISTS,
  'a list that holds itself': 'local t = {} for i = 1, 100 do t[i] = t end return t',
  strings: "local s, t = ('x'):rep(1e6), {} for i = 1, 1e4 do t[i] = s end return t",
  maps: 'local t = {1} for i = 1, 40 do t = {map = {a = t, b = t}} end return t',
  sets: 'local t = {1} for i = 1, 40 do t = {set = {[t] = true, [{t}] = true, x = true}} end return {t, {set = {[{map = {[t] = t}}] = 1}}}',
  'simple strings': "local s, t = ('x'):rep(1e6), {} for i = 1, 1e4 do t[i] = {ok = s} end return t",
  errors: "local s, t = ('x'):rep(1e6), {} for i = 1, 1e4 do t[i] = {err = s} end return t",
  'verbatim strings':
    "local s, t = ('x'):rep(1e6), {} for i = 1, 1e4 do t[i] = {verbatim_string = {format = 'txt', string = s}} end return t",
  'big numbers': "local s, t = ('1'):rep(1e6), {} for i = 1, 1e4 do t[i] = {big_number = s} end return t",
  nils: 'local t = {} for i = 1, 1000 do t[i] = false end for i = 1, 10 do local u = {} for j = 1, 100 do u[j] = t end t = u end return t',
}

for (const [what, lua] of Object.entries(BOMBS)) {
  test(`a reply that repeats ${what} beyond the limits is refused in either protocol`, () => {
    for (const resp of [2, 3] as const)
      assert.throws(
        () => converted(lua, resp),
        (error: unknown) => error instanceof ReplyTooLarge,
      )
  })
}

test("a reply whose values are all in Lua's memory is not refused, whatever its size", () => {
  const many = converted('local t = {} for i = 1, 3e5 do t[i] = i end return t')
  assert.is((many.reply as number[]).length, 3e5)
  assert.is((many.reply as number[])[299_999], 3e5)
  assert.ok(many.steps > 100)
  const long = converted("return ('x'):rep(4e6)").reply as Bytes
  assert.is(long.length, 4e6)
})

test('a reply converted in many steps equals one converted at once', () => {
  const lua = `local t = {} for i = 1, 3000 do
    t[i] = {i, {ok = 'o' .. i}, {err = 'e' .. i}, {double = i / 2}, {map = {[i] = {i}}}, {set = {[{'m'}] = false}}, {}, 'x', true, false,
      {verbatim_string = {format = 'txt', string = 'v'}}, 1.5, function() end}
  end return t`
  const { reply, steps } = converted(lua, 3)
  assert.ok(steps > 10)
  const items = reply as Reply[]
  assert.is(items.length, 3000)
  for (const [index, item] of items.entries()) {
    const i = index + 1
    assert.equal(item, [
      i,
      new SimpleString(`o${i}`),
      new ErrorReply(`e${i}`),
      new Double(i / 2),
      new MapReply([i, [i]]),
      new SetReply([['m']]),
      [],
      'x',
      true,
      false,
      new Verbatim('txt', 'v'),
      1,
      null,
    ])
  }
})

test('a table nested deeper than a thousand levels becomes an error in its place', () => {
  let { reply } = converted('local t = {} for i = 1, 2000 do t = {t} end return t')
  let depth = 0
  for (; Array.isArray(reply); depth++) reply = reply[0] as Reply
  assert.is(depth, 1001)
  assert.equal(reply, new ErrorReply('ERR reached lua stack limit'))
})

test("a refused reply counts as an error, and the script's writes stay", () => {
  const { run, answer, logged, server } = harness([scripts, connection, ...dataFamilies])
  server.scripting.runner.thresholdMs = NEVER_MS
  const reply = answer('EVAL', `redis.call('SET', 'a', 1) ${LISTS}`, '0')
  assert.is(textOf(reply), REPLY_TOO_LARGE)
  assert.equal(logged(), [['SET', 'a', '1']])
  assert.is(run('EVAL', 'return 1', '0'), 1)
  assert.equal(server.statistics.errors, [REPLY_TOO_LARGE])
})

test('a script is suspended and killed while its reply is converted', async () => {
  const { client, run, server } = harness([scripts, connection, ...dataFamilies])
  const { runner } = server.scripting
  runner.thresholdMs = 1e-6
  const many = client()
  many.send('EVAL', 'local t = {} for i = 1, 5e4 do t[i] = i end return t', '0')
  assert.equal(many.replies, [])
  await until(() => many.replies.length === 1, 'the whole reply')
  assert.is((many.replies[0] as number[]).length, 5e4)
  const bomb = client()
  bomb.send('EVAL', LISTS, '0')
  assert.equal(bomb.replies, [])
  runner.kill('script')
  await until(() => bomb.replies.length === 1, 'the end of the script')
  assert.match(textOf(bomb.replies[0] as Reply), /^ERR Script killed by user with SCRIPT KILL\.\.\. script: [0-9a-f]{40}$/)
  assert.is(run('EVAL', 'return 1', '0'), 1)
})

test('the arguments of one call have a common limit', () => {
  const { run, answer, server } = harness([scripts, connection, ...dataFamilies])
  server.scripting.runner.thresholdMs = NEVER_MS
  const refused = 'ERR the arguments of the call exceed lua-memory-limit'
  const many = "local s, t = ('x'):rep(1e6), {} for i = 1, 7000 do t[i] = s end"
  const reply = answer('EVAL', `${many} return redis.pcall('EXISTS', unpack(t))`, '0')
  assert.is(textOf(reply), refused)
  for (const lua of [`return redis.call('EXISTS', unpack(t))`, `redis.log(3, unpack(t))`, `redis.acl_check_cmd('EXISTS', unpack(t))`]) {
    assert.ok(textOf(answer('EVAL', `${many} ${lua}`, '0')).startsWith(`${refused} script: `), lua)
  }
  assert.is(run('EVAL', `${many} return redis.call('EXISTS', unpack(t, 1, 20))`, '0'), 0)
})

test.run()
