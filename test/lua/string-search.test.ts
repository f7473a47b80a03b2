/**
 * string.find and its relatives give Lua's results and errors, and end even if Lua's own would not.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LUA_OK } from '../../lua/api.ts'
import type { LuaStack } from '../../lua/stack.ts'
import { replaceSearch } from '../../lua/string-search.ts'
import { BareLua } from '../support/cases/bare-lua.ts'
import { seeded } from '../support/generators/seed.ts'

/** Runs Lua code with two strings as arguments. Returns its results, or its error, as text. */
type Run = (code: string, first: string, second: string) => string

function makeLua(prepare: (stack: LuaStack) => void): Run {
  const bare = new BareLua(prepare)
  const { stack } = bare
  return (code, first, second) => {
    stack.top = 0
    const chunk = `local s, p = ... local function show(...) local t = {...} for i = 1, select('#', ...) do t[i] = type(t[i]) == 'function' and 'function' or type(t[i]) .. ':' .. tostring(t[i]) end return table.concat(t, '|') end ${code}`
    assert.is(bare.load(chunk), LUA_OK, stack.string(-1) ?? '')
    stack.pushString(first)
    stack.pushString(second)
    const status = stack.api.lua_pcall(stack.state, 2, 1, 0)
    return `${status} ${stack.string(-1)}`
  }
}

const lua = makeLua(() => {})
const ours = makeLua((stack) => replaceSearch(stack, 0))
const both = makeLua((stack) => replaceSearch(stack))

const USES = [
  'return show(string.find(s, p))',
  'return show(string.find(s, p, -3))',
  'return show(string.find(s, p, 100))',
  'return show(string.match(s, p))',
  'return show(s:match(p, 2))',
  "return show(string.gsub(s, p, '<%0>'))",
  "return show(string.gsub(s, p, '%1%%%2'))",
  "return show(string.gsub(s, p, '%1', 2))",
  "return show((string.gsub(s, p, 'x%'):gsub('%z', '0')))",
  'return show(string.gsub(s, p, string.upper))',
  "return show(string.gsub(s, p, {a = 'A', b = false, [1] = 'one'}))",
  "return show(string.gsub(s, p, function(...) return select('#', ...) end))",
  'return show(string.gsub(s, p, function() return {} end))',
  "local t = {} for a, b in string.gmatch(s, p) do t[#t + 1] = show(a, b) end return table.concat(t, ';')",
]

const same = (code: string, subject: string, pattern: string) =>
  assert.is(ours(code, subject, pattern), lua(code, subject, pattern), `${code} of ${JSON.stringify(subject)}, ${JSON.stringify(pattern)}`)

const PATTERNS = [
  '',
  'a',
  '^a',
  'a$',
  '^$',
  '.',
  '.-',
  '.*',
  '(.)(.)',
  '()',
  '()a()',
  '(a*(.)b)',
  '%a+',
  '%A',
  '[%a_][%w_]*',
  '[^,]*',
  '[]]',
  '[^]]',
  '[a-]',
  '[%]]',
  '[a%-z]',
  '%bab',
  '%b()',
  '%f[%w]%w+',
  '%f[^a]',
  '(a)%1',
  '(.-)%1',
  '%$',
  '%%',
  '^^',
  '$a',
  'a^',
  '%z',
  '\0',
  'a\0b',
  '%x%X',
  '%p',
  '%c',
  '%s',
  '%u%l',
  '%d?%D',
  '[%z\x01-\x7f]',
  '%',
  '[',
  '[a',
  '[^',
  '[]',
  '%b',
  '%ba',
  '%f',
  '%fa',
  '(',
  ')',
  '(()',
  '%1',
  '(%1)',
  '()%1',
  'a**',
  '(a*)*',
  '-',
  '*',
  'x-',
  '((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))',
  '(((((((((((((((((((((((((((((((((a',
]
const SUBJECTS = [
  '',
  'a',
  'ab',
  'aab, b',
  'x = 10',
  'a]b-c',
  '(a(b)c)(',
  'THE (quick) fox',
  'a\0b\0',
  '\xff\x80é\n\t$^%',
  'abababab',
  'aaaaaaaa',
  '1A2b',
]

test('patterns of every kind find the same as in Lua', () => {
  for (const pattern of PATTERNS) for (const subject of SUBJECTS) for (const use of USES) same(use, subject, pattern)
})

test('random patterns find the same as in Lua', () => {
  const { integer, pick } = seeded('patterns')
  const pieces = [
    'a',
    'b',
    '.',
    '%a',
    '%W',
    '[ab]',
    '[^b]',
    '[a-c%d]',
    '(',
    ')',
    '()',
    '%1',
    '%2',
    '%bab',
    '%f[a]',
    '$',
    '^',
    '%',
    '[',
    ',',
  ]
  for (let round = 0; round < 4000; round++) {
    const pattern = Array.from({ length: integer(6) }, () => pick(pieces) + pick(['', '', '', '*', '+', '-', '?'])).join('')
    const subject = Array.from({ length: integer(12) }, () => pick(['a', 'b', 'c', '1', ',', '\0', ' '])).join('')
    same(pick(USES), subject, pattern)
  }
})

test("invalid arguments have Lua's errors", () => {
  for (const name of ['find', 'match', 'gsub', 'gmatch']) {
    for (const args of [
      '',
      's',
      'nil, p',
      's, nil',
      '{}, p',
      "s, p, 'x'",
      's, p, {}',
      "s, p, 'x', 'y'",
      's, p, true',
      's, p, 1.7',
      "12, 1, '1'",
    ]) {
      same(`return show(string.${name}(${args}))`, 'abc', 'b')
    }
  }
  same("return show(('x').find(nil, 'a'))", '', '')
  same("return show(string.gsub(s, p, function() error('within') end))", 'abc', 'b')
  same('return show(string.gsub(s, p, function() error({}) end) or 1)', 'abc', 'z')
})

test('gmatch is also called gfind', () => {
  assert.is(both('return tostring(string.gfind == string.gmatch)', '', ''), '0 true')
})

test('a match that Lua would never finish ends with an error', () => {
  const started = performance.now()
  const hostile: [string, string][] = [
    ['a'.repeat(40), 'a?'.repeat(40) + 'a'.repeat(40)],
    ['a'.repeat(5000), `${'a*'.repeat(10)}b`],
    ['a'.repeat(100_000), '(.-)%1b'],
    ['('.repeat(100_000), '%b()'],
  ]
  for (const [subject, pattern] of hostile) {
    for (const use of ['return show(s:find(p))', "return show(s:gsub(p, ''))", 'for a in s:gmatch(p) do end return 1']) {
      assert.match(both(use, subject, pattern), /pattern too complex/, pattern.slice(0, 50))
    }
  }
  assert.match(both('return show(s:find(p))', 'a', 'a?'.repeat(1_000_000)), /^(0 number:1\|number:1|2 .*pattern too complex)/)
  assert.ok(performance.now() - started < 60_000)
})

test('long subjects with simple patterns work as in Lua', () => {
  const long = 'key = value, '.repeat(100_000)
  assert.is(both("return show(select(2, s:gsub('%w+', '%0')))", long, ''), '0 number:200000')
  assert.is(both("local n = 0 for k, v in s:gmatch('(%w+)%s*=%s*(%w+)') do n = n + 1 end return n", long, ''), '0 100000')
  assert.is(both("return #(s:gsub('^%s*(.-)%s*$', '%1'))", long, ''), `0 ${long.length - 1}`)
})

test.run()
