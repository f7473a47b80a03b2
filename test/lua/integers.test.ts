/**
 * Numbers beyond 32 bits in Lua's own libraries give the results of 64 bits, where Redis runs.
 * test/interop/redis/native-lua.test.ts compares them with native Lua.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LuaMachine } from '../../lua/machine.ts'
import { LibraryMachine } from '../support/harness/library-machine.ts'

const machine = new LibraryMachine()

/** Asserts the result of each piece of Lua. */
function returns(cases: Readonly<Record<string, string>>): void {
  for (const [lua, expected] of Object.entries(cases)) assert.is(machine.show(`return ${lua}`), expected, lua)
}

test('string.format prints 64-bit integers with flags, width and precision', () =>
  returns({
    "string.format('%d', 1700000000000)": '"1700000000000"',
    "string.format('%i|%d', -1700000000000, 2^53)": '"-1700000000000|9007199254740992"',
    "string.format('%x %X %u %o', 1700000000000, 1700000000000, 1700000000000, 1700000000000)":
      '"18bcfe56800 18BCFE56800 1700000000000 30571771264000"',
    "string.format('%x %o %u', -1, -1, -1)": '"ffffffffffffffff 1777777777777777777777 18446744073709551615"',
    "string.format('%20d|%-20d|%020d|%+d|% d', 2^40, 2^40, 2^40, 2^40, 2^40)":
      '"       1099511627776|1099511627776       |00000001099511627776|+1099511627776| 1099511627776"',
    "string.format('%.15d|%20.15d|%020.15d', -2^40, -2^40, -2^40)": '"-001099511627776|    -001099511627776|    -001099511627776"',
    "string.format('%#x|%#X|%#o|%#020x', 2^40, 2^40, 2^40, 2^40)": '"0x10000000000|0X10000000000|020000000000000|0x000000010000000000"',
    "string.format('%d %d %d', 2^63, -2^63, 0/0)": '"-9223372036854775808 -9223372036854775808 -9223372036854775808"',
    "string.format('%u %u', 2^63, 2^64)": '"9223372036854775808 0"',
    "string.format('%s %d %q %5.1f%%', 'x', '1700000000000', 'y', 2^40)": '"x 1700000000000 \\22y\\22 1099511627776.0%"'.replaceAll(
      '\\22',
      '"',
    ),
    "string.format('[%c]', 2^32 + 65)": '"[]"',
    "#string.format('%99d', 2^40)": '99',
  }))

test('errors of string.format name the wrong argument, also after a large one', () =>
  returns({
    "string.format('%d %d', 2^40)": `error: "user_script:1: bad argument #3 to 'format' (no value)"`,
    "string.format('%d %d', 2^40, 'x')": `error: "user_script:1: bad argument #3 to 'format' (number expected, got string)"`,
    "string.format('%d %y', 2^40, 1)": `error: "user_script:1: invalid option '%y' to 'format'"`,
    "string.format('%d %100d', 2^40, 1)": 'error: "user_script:1: invalid format (width or precision too long)"',
    "string.format('%------d', 2^40)": 'error: "user_script:1: invalid format (repeated flags)"',
  }))

test('string positions may be any distance out of range', () =>
  returns({
    "string.sub('abc', 1, 2^40), string.sub('abc', -2^40, 2)": '"abc" "ab"',
    "string.sub('abc', 2^40), string.sub('abc', 1, 2^63)": '"" ""',
    "string.byte('abc', 2, 2^40)": '98 99',
    "string.find('abc', 'b', -2^40), string.find('abc', 'b', 2^40), string.find('abc', '', 2^40)": '2 nil 4 3',
    "string.match('abc', '.', -2^33)": '"a"',
  }))

test("a count or an index is the low 32 bits of a 64-bit integer, like C's int", () =>
  returns({
    "string.rep('ab', 2^32 + 2), string.rep('ab', 2^40)": '"abab" ""',
    'string.char(2^32 + 65)': '"A"',
    "string.gsub('aaa', 'a', 'b', 2^32 + 2)": '"bba" 2',
    "select(2^32 + 2, 'a', 'b')": '"b"',
    'unpack({1, 2, 3}, 2^32 + 2, 2^40 + 3)': '2 3',
    "table.concat({1, 2, 3}, ',', 2^32 + 2, 2^32 + 3)": '"2,3"',
    'table.remove({1, 2, 3}, 2^32 + 2)': '2',
    'math.ldexp(1, 2^32 + 3)': '8',
    "tonumber('z', 2^32 + 36)": '35',
  }))

test('tonumber reads 64-bit integers in any base', () =>
  returns({
    "tonumber('0x'), tonumber(' -0X '), tonumber('0x0'), tonumber('0'), tonumber('x')": 'nil nil 0 0 nil',
    "tonumber('ffffffffff', 16), tonumber('0xffffffffff', 16)": '1099511627775 1099511627775',
    "tonumber('-1', 16), tonumber('-7fffffffffffffff', 16)": '1.8446744073709552e+19 9.2233720368547758e+18',
    "tonumber('ffffffffffffffffff', 16), tonumber('-zzzzzzzzzzzzzz', 36)": '1.8446744073709552e+19 1.8446744073709552e+19',
    "tonumber(' 101 ', 2), tonumber('102', 2), tonumber('', 2), tonumber('1 1', 2)": '5 nil nil nil',
    "tonumber('10\\0x', 8), tonumber(77, 8), tonumber('0x', 16)": '8 63 nil',
    "tonumber('1', 1)": `error: "user_script:1: bad argument #2 to 'tonumber' (base out of range)"`,
    'tonumber({}, 16)': `error: "user_script:1: bad argument #1 to 'tonumber' (string expected, got table)"`,
  }))

test('table.insert far below a table shifts its elements quickly', () => {
  const show = (lua: string) => machine.show(`${lua} return t`)
  assert.is(show("local t = {} table.insert(t, 2^40, 'x')"), '{[0]="x"}')
  assert.is(show("local t = {} table.insert(t, -2^31, 'x')"), '{[-2147483648]="x"}')
  assert.is(show("local t = {'a', 'b', x = 1} table.insert(t, -2^31 + 1, 'c')"), '{["x"]=1,[-2147483647]="c",[2]="a",[3]="b"}')
  const sparse = "local t = {'a', [-5] = 'b', [-4] = 'c', [-2e6] = 'd', [2.5] = 'e', [5] = 'f', [-2^40] = 'g'} table.insert(t, -2e6, 'x')"
  assert.is(show(sparse), '{[-1099511627776]="g",[-1999999]="d",[-2000000]="x",[-3]="c",[-4]="b",[2.5]="e",[2]="a",[5]="f"}')
})

test('string.rep of an empty string, or of more than the memory, ends quickly', () =>
  returns({
    "string.rep('', 2^31 - 1)": '""',
    "string.rep('x', 2^31 - 1)": 'error: "not enough memory"',
    "#string.rep('xy', 1e6)": '2000000',
  }))

test('math.frexp of infinity and NaN returns exponent 0', () =>
  returns({ 'math.frexp(math.huge)': 'inf 0', 'math.frexp(-math.huge)': '-inf 0', 'math.frexp(0/0)': 'nan 0', 'math.frexp(6)': '0.75 3' }))

test('os.clock is right after 36 minutes', () => {
  let ms = 0
  const clocked = new LuaMachine({ limitBytes: 16 * 2 ** 20, monotonicMs: () => ms, libraries: [] })
  const reference = clocked.compile('return os.clock()', '@user_script') as number
  for (const seconds of [1.5, 2147, 2148, 10 ** 7]) {
    ms = seconds * 1000
    const state = clocked.start(reference)
    assert.is(clocked.stack.toNumber(-1), seconds)
    clocked.finish(state)
  }
})

test.run()
