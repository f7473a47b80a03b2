/**
 * Single steps of a script that take long: the script is suspended after each one, and the garbage
 * of the steps is collected.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import { LIBRARIES } from '../../lua/libraries/all.ts'
import { LuaMachine } from '../../lua/machine.ts'
import { BareLua } from '../support/cases/bare-lua.ts'
import { seeded } from '../support/generators/seed.ts'

const MEGABYTE = 2 ** 20

interface Ran {
  readonly slices: number
  /** The script's result, or its error with a star before it. */
  readonly result: Bytes
}

/**
 * Returns a machine whose clock advances by 1 ms at each reading, so that each call of the hook
 * suspends the script.
 */
function newMachine(): LuaMachine {
  let ms = 0
  const machine = new LuaMachine({ limitBytes: 64 * MEGABYTE, monotonicMs: () => ms++, libraries: LIBRARIES })
  machine.firstSliceMs = 1
  machine.sliceMs = 1
  return machine
}

const shared = newMachine()

function run(text: Bytes, machine = shared): Ran {
  const reference = machine.compile(text, '@user_script')
  if (typeof reference === 'string') throw new Error(reference)
  let slices = 1
  let state = machine.start(reference)
  for (; state === 'suspended'; slices++) state = machine.resume()
  const result = machine.stack.string(state === 'done' ? 1 : -1) ?? 'nil'
  machine.finish(state)
  machine.release(reference)
  return { slices, result: state === 'done' ? result : `*${result}` }
}

const LARGE = `local s = string.rep('abc', ${MEGABYTE}) `
const MANY = 'local t = {} for i = 1, 300000 do t[i] = i end '

for (const [what, before, step] of [
  ['string.rep', '', "string.rep('abc', 2^20)"],
  ['the operator that joins strings', LARGE, 'local u = s .. i'],
  ['gsub', LARGE, "s:gsub('b', 'd')"],
  ['find', `local s = string.rep('abc', ${3 * MEGABYTE}) `, "s:find('x')"],
  ['a pattern that takes many steps', "local s = string.rep('a', 2500) ", "s:find('.-b')"],
  ['upper', LARGE, 's:upper()'],
  ['table.insert at the front', MANY, 'table.insert(t, 1, 0)'],
  ['table.remove at the front', MANY, 'table.remove(t, 1)'],
  ['table.concat', MANY, "table.concat(t, ',')"],
  ['table.maxn', MANY, 'table.maxn(t)'],
  ['collectgarbage', '', 'collectgarbage()'],
  ['a step in a coroutine', LARGE, 'coroutine.wrap(function() local u = s .. i return u end)()'],
  ['a step in pcall', LARGE, 'pcall(function() local u = s .. i end)'],
] as const) {
  test(`a script of a few long steps is suspended after each: ${what}`, () => {
    const none = run(`${before} return 'well'`)
    const ten = run(`${before} for i = 1, 10 do ${step} end return 'well'`)
    assert.is(ten.result, 'well')
    assert.ok(ten.slices - none.slices >= 10, `${ten.slices - none.slices} slices`)
  })
}

test('a script is suspended during table.sort, with and without a comparator', () => {
  const shuffled = 'local t = {} for i = 1, 20000 do t[i] = (i * 7919) % 20011 end '
  const sorted = " for i = 2, #t do if t[i] < t[i - 1] then return 'not sorted' end end return 'sorted'"
  const none = run(shuffled + sorted.replace('not sorted', 'well'))
  for (const call of ['table.sort(t)', 'table.sort(t, function(a, b) return a < b end)']) {
    const { slices, result } = run(`${shuffled}${call}${sorted}`)
    assert.is(result, 'sorted')
    assert.ok(slices - none.slices > 20, `${call}: ${slices - none.slices} slices`)
  }
})

test("table.sort calls a comparator in Lua's order and has Lua's results", () => {
  const { seed, integer: random } = seeded('sort')
  const bare = new BareLua()
  for (let round = 0; round < 300; round++) {
    const values = Array.from({ length: random(40) }, () => random(20))
    const less = ['a < b', 'a > b', 'a <= b', 'true', 'a % 3 < b % 3', 'a < b or nil'][random(6)] as Bytes
    const order = `local t, asked = {${values.join(',')}}, {}
      local ok, why = pcall(function() table.sort(t, function(a, b)
        asked[#asked + 1] = tostring(a) .. ':' .. tostring(b)
        if a == nil or b == nil then return false end
        return ${less}
      end) end)
      for i = 1, ${values.length + 2} do asked[#asked + 1] = tostring(t[i]) end
      return table.concat(asked, ' ') .. '|' .. tostring(ok) .. '|' .. tostring(why)`
    assert.is(bare.load(order), 0)
    bare.stack.api.lua_call(bare.stack.state, 0, 1)
    const expected = (bare.stack.string(-1) as Bytes).replace('c:2:', 'user_script:2:')
    bare.stack.pop()
    assert.is(run(order).result, expected, `seed ${seed}: ${order}`)
  }
})

test('an endless loop of steps is stopped between two calls', () => {
  const machine = newMachine()
  const reference = machine.compile(`${LARGE} while true do pcall(string.gsub, s, 'b', 'd') end`, '@user_script')
  assert.is(machine.start(reference as number), 'suspended')
  assert.is(machine.stop('enough'), 'failed')
  assert.is(machine.stack.string(-1), 'enough')
})

for (const [what, text] of [
  ['string.rep', `for i = 1, 50 do local s = string.rep('x', ${20 * MEGABYTE}) end return 'well'`],
  ['joined strings', `local s = string.rep('x', ${8 * MEGABYTE}) for i = 1, 50 do local t = s .. i end return 'well'`],
  ['gsub', `local s = string.rep('xxxxxxxy', ${MEGABYTE / 2}) for i = 1, 20 do local t = s:gsub('y', 'z') end return 'well'`],
  ['cjson', `local s = string.rep('x', ${4 * MEGABYTE}) for i = 1, 30 do local t = cjson.encode({s}) end return 'well'`],
] as const) {
  test(`garbage of large strings is collected in time: ${what}`, () => assert.is(run(text, newMachine()).result, 'well'))
}

test('a script is not suspended between a yield and the functions that pass it on', () => {
  const text = 'for round = 1, 2000 do for i = 1, round do end assert(pcall(function() for i = 1, 1000 do end end)) end return 1'
  assert.is(run(text).result, '1')
})

test.run()
