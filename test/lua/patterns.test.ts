/**
 * Our matcher and Lua's own agree on random patterns, sound and unsound. Matches that would never
 * end in Lua's matcher end in ours.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LUA_OK } from '../../lua/api.ts'
import { replaceSearch } from '../../lua/string-search.ts'
import { BareLua } from '../support/cases/bare-lua.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'

const ROUNDS = 20_000

/** Returns stock Lua, or Lua with our matcher for matches of more than `harmlessSteps` steps. */
function lua(harmlessSteps: number | null): (code: string) => string {
  const bare = new BareLua((stack) => {
    if (harmlessSteps !== null) replaceSearch(stack, harmlessSteps)
  })
  const { stack } = bare
  return (code) => {
    if (bare.load(code) === LUA_OK) stack.api.lua_pcall(stack.state, 0, 1, 0)
    const result = stack.string(-1) ?? stack.typeOf(-1)
    stack.top = 0
    return result
  }
}

const quoted = (text: string) => `"${text.replace(/[^ -!#-[\]-~]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`)}"`

const SHOW = `local function show(...) local t = {} for i = 1, select('#', ...) do t[i] = tostring((select(i, ...))) end return table.concat(t, '|') end `

const ITEMS = [
  'a',
  'b',
  '.',
  '%a',
  '%d',
  '%s',
  '%w',
  '%p',
  '%x',
  '%A',
  '[ab]',
  '[^a]',
  '[a-c]',
  '[%d_]',
  '(',
  ')',
  '()',
  '%b()',
  '%f[a]',
  '%1',
  '%.',
  '$',
  '^',
  '[]]',
  '[^]x]',
  '[a-]',
  '%z',
  '\\0',
]
const QUANTIFIERS = ['', '', '', '*', '+', '-', '?']
const CHARS = ['a', 'b', 'c', 'A', '1', '9', ' ', '_', '.', '(', ')', ']', '-', '\0', '\xe9']

function randomText(chance: Seeded, from: readonly string[], most: number): string {
  return Array.from({ length: chance.integer(most + 1) }, () => chance.pick(from)).join('')
}

function randomPattern(chance: Seeded): string {
  let pattern = chance.random() < 0.15 ? '^' : ''
  for (let left = chance.integer(6); left > 0; left--) pattern += chance.pick(ITEMS).replace('\\0', '\0') + chance.pick(QUANTIFIERS)
  return chance.random() < 0.02 ? `${pattern}${chance.pick(['%', '[', '[^', '%b', '%f', '(', ')'])}` : pattern
}

function randomCode(chance: Seeded): string {
  const subject = quoted(randomText(chance, CHARS, 12))
  const pattern = quoted(randomPattern(chance))
  const start = chance.random() < 0.3 ? `, ${chance.integer(12) - 4}` : ''
  const template = quoted(randomText(chance, ['x', '%0', '%1', '%2', '%%', 'é'], 4))
  return chance.pick([
    `return show(string.find(${subject}, ${pattern}${start}))`,
    `return show(string.match(${subject}, ${pattern}${start}))`,
    `return show(string.gsub(${subject}, ${pattern}, ${template}))`,
    `return show(string.gsub(${subject}, ${pattern}, ${template}, ${chance.integer(3)}))`,
    `return show(string.gsub(${subject}, ${pattern}, function(...) return select('#', ...) .. tostring((...)) end))`,
    `return show(string.gsub(${subject}, ${pattern}, {a = 'A', b = false, [1] = 'one'}))`,
    `local t = {} for x, y in string.gmatch(${subject}, ${pattern}) do t[#t + 1] = tostring(x) .. tostring(y) if #t > 50 then break end end return table.concat(t, '|')`,
  ])
}

test("our matcher finds the same as Lua's and has its errors", () => {
  const chance = seeded('patterns')
  const theirs = lua(null)
  const ours = lua(0)
  for (let round = 0; round < ROUNDS; round++) {
    const code = SHOW + randomCode(chance)
    assert.is(ours(code), theirs(code), code)
  }
})

test("our functions treat their arguments as Lua's do, and errors name the function", () => {
  const theirs = lua(null)
  for (const steps of [0, 1e9]) {
    const ours = lua(steps)
    for (const code of [
      'string.find()',
      'string.find({}, "a")',
      'string.find("a", {})',
      'string.gsub("a", "a")',
      'string.gsub("a", "a", true)',
      'string.match("a", nil)',
      'string.gmatch("a")',
      'return table.concat({string.find("a.b", ".", 1, true)}, " ")',
      'return table.concat({string.find("a.b", ".", -1, true)}, " ")',
      'return string.find(12345, 34)',
      'return (("x"):gsub("x", "%%"))',
      'return string.find("abc", "b", 10)',
      'return string.find("", "")',
      'return (string.gsub("abc", "%w", "%0%0"))',
    ]) {
      assert.is(ours(code), theirs(code), `${steps} ${code}`)
    }
  }
})

test('a match that would take forever fails soon', () => {
  const ours = lua(2_000_000)
  for (const code of [
    'return string.find(("a"):rep(60), ("a?"):rep(60) .. ("a"):rep(60))',
    'return string.match(("a"):rep(50000), ".-.-.-.-b")',
    'return string.gsub(("a"):rep(30000), "(.*)(.*)(.*)(.*)x", "")',
    'for w in string.gmatch(("a"):rep(30000), "a*a*a*a*b") do end',
    'return string.find(("("):rep(200000), "%b()")',
    'return string.find(("x"):rep(100000), ("x*"):rep(2000) .. "y")',
  ]) {
    assert.is(ours(code), 'c:1: pattern too complex', code)
  }
  assert.is(ours('return (string.gsub(("ab"):rep(100000), "%w+", "x"))'), 'x')
})

test.run()
