/**
 * Hostile use of the libraries ends in an error after a bounded time, and the machine stays usable.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LibraryMachine } from '../../support/harness/library-machine.ts'

const MEGABYTE = 2 ** 20
const OUT_OF_MEMORY = 'not enough memory'
const TOO_MANY_VALUES = 'user_script:1: Cannot serialise more than 4194304 values'

function refuses(lua: string, message: string, limitBytes = 32 * MEGABYTE): void {
  const machine = new LibraryMachine(limitBytes)
  const shown = machine.show(lua)
  assert.ok(shown.includes(message) && /^(?:error|raised): /.test(shown), `${lua}: ${shown.slice(0, 200)}`)
  assert.is(machine.show('return cjson.encode({1, cjson.decode("[2]"), cmsgpack.unpack(cmsgpack.pack({3}))})'), '"[1,[2],[3]]"')
}

test('encoding a text larger than the memory is refused in every library', () => {
  refuses(`local s, t = ('x'):rep(1e6), {} for i = 1, 100 do t[i] = s end return #cjson.encode(t)`, OUT_OF_MEMORY)
  refuses(`return #cjson.encode(('\\0'):rep(6e6))`, OUT_OF_MEMORY)
  refuses(`local s, t = ('x'):rep(1e6), {} for i = 1, 100 do t[i] = s end return #cmsgpack.pack(t)`, OUT_OF_MEMORY)
  refuses(`local s, t = ('x'):rep(1e6), {} for i = 1, 100 do t[i] = s end return #struct.pack(('s'):rep(100), unpack(t))`, OUT_OF_MEMORY)
})

test('decoding values larger than the memory is refused', () => {
  refuses(`return #cjson.decode('['..('{},'):rep(2e6)..'1]')`, OUT_OF_MEMORY)
  refuses(`return #cmsgpack.unpack('\\221\\0\\45\\198\\192'..('\\128'):rep(3e6))`, OUT_OF_MEMORY)
})

test('a few tables that repeatedly contain one another are refused in bounded time', () => {
  refuses('local t = {1} for i = 1, 40 do t = {t, t} end return #cjson.encode(t)', TOO_MANY_VALUES, 128 * MEGABYTE)
  refuses('local t = {1} for i = 1, 11 do t = {t, t, t, t, t} end return #cmsgpack.pack(t)', TOO_MANY_VALUES, 128 * MEGABYTE)
})

test('a large table that contains itself is refused while it is measured', () => {
  const many = 'local t = {} for i = 1, 1e5 do t[i] = 1 end'
  refuses(`${many} t[1] = t return #cjson.encode(t)`, TOO_MANY_VALUES)
  refuses(`${many} t.x = t return #cjson.encode(t)`, TOO_MANY_VALUES, 128 * MEGABYTE)
  refuses('local t = {} for i = 1, 3e5 do t[i] = 1 end t[1] = t return #cmsgpack.pack(t)', TOO_MANY_VALUES)
})

test('the largest allowed number of values is written, however they are nested', () => {
  const machine = new LibraryMachine()
  const count = 2 ** 22
  // 4095 arrays of 1024 values, themselves included; two objects, of which one is first taken for
  // an array; and values up to the limit.
  const table = (ones: number) =>
    'local u, t = {}, {} for i = 1, 1023 do u[i] = 1 end for i = 1, 4095 do t[i] = u end ' +
    `t[4096], t[4097] = {a = 1, b = 2}, {[1] = 1, x = 2} for i = 1, ${ones} do t[4097 + i] = 1 end`
  const rest = count - 1 - 4095 * 1024
  const [encoded, packed] = [rest - 6, rest - 10] // the keys of maps are values for cmsgpack
  assert.is(machine.show(`${table(encoded)} return #cjson.encode(t)`), '8388623')
  assert.ok(machine.show(`${table(encoded + 1)} return cjson.encode(t)`).endsWith(`${TOO_MANY_VALUES}"`))
  assert.is(machine.show(`${table(packed)} return #cmsgpack.pack(t)`), '4202499')
  assert.ok(machine.show(`${table(packed + 1)} return cmsgpack.pack(t)`).endsWith(`${TOO_MANY_VALUES}"`))
})

test('an array with one element at the largest index is refused in any mode', () => {
  const lua = 'local c = cjson.new() c.encode_sparse_array(false, 0) return #c.encode({[2147483647] = 1})'
  refuses(lua, TOO_MANY_VALUES, 256 * MEGABYTE)
})

test("endless nesting raises Lua's own error, not a stack overflow of the host", () => {
  refuses(
    `cjson.decode_max_depth(1e9) return cjson.decode(('['):rep(1e6))`,
    'user_script:1: Found too many nested data structures (7999) at character 7999',
  )
  refuses(
    'local c = cjson.new() c.encode_max_depth(1e9) local t = {} for i = 1, 1e5 do t = {t} end return c.encode(t)',
    'user_script:1: Cannot serialise, excessive nesting (7998)',
  )
  refuses(`return cmsgpack.unpack(('\\145'):rep(1e6))`, 'user_script:1: stack overflow (in function mp_decode_to_lua_array)')
})

test('new cjson instances are collected with their settings', () => {
  const machine = new LibraryMachine(16 * MEGABYTE)
  assert.is(machine.show('for i = 1, 1e5 do cjson.new().encode_max_depth(7) end return cjson.encode_max_depth()'), '1000')
})

test('tens of thousands of failing calls leave no memory behind', () => {
  const machine = new LibraryMachine(16 * MEGABYTE)
  const lua = `for i = 1, 2e4 do pcall(cjson.decode, '[[[') pcall(cjson.encode, tostring) pcall(struct.unpack, 'i', 'x') pcall(bit.band) end return 1`
  assert.is(machine.show(lua), '1')
})

test.run()
