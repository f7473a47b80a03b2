/**
 * Random pieces of Lua that call the libraries of Lua 5.1 with numbers of every size. Tests compare
 * their results here and in native Lua.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { Seeded } from '../generators/seed.ts'

/** Numbers around each limit of a number type. */
const EDGES: readonly Bytes[] = [
  ...['0', '-0', '1', '-1', '2', '3', '-2', '-3', '0.5', '-0.5', '1.9', '-1.9', '2.5', '16', '35', '65', '255', '256', '321'],
  ...['2^31 - 1', '2^31', '2^31 + 1', '-2^31', '-2^31 - 1', '-2^31 + 1'],
  ...['2^32 - 1', '2^32', '2^32 + 1', '2^32 + 3', '2^32 + 65', '-2^32', '-2^32 + 1', '-2^32 - 2', '3 * 2^32 + 2'],
  ...['1700000000000', '-1700000000000', '2^40', '2^40 + 2', '1e15', '2^53', '2^53 + 2', '-2^53'],
  ...[
    '2^62',
    '2^63 - 1024',
    '2^63',
    '2^63 + 2048',
    '-2^63',
    '-2^63 - 2048',
    '2^64 - 2048',
    '2^64',
    '-2^64',
    '1e19',
    '1e20',
    '1e100',
    '-1e100',
  ],
  ...['math.huge', '-math.huge', '0/0', "'12'", "'0x10'", "'1e10'", "' 1700000000000 '", "'-3'", "'abc'", "''", 'nil', 'true', '{}'],
]
/** Counts that make native Lua copy for hours, or allocate gigabytes, are left out. */
const COUNTS: readonly Bytes[] = [
  '0',
  '-1',
  '1',
  '2',
  '3',
  '3.9',
  '-2^31',
  '2^32',
  '2^32 + 3',
  '-2^32 + 2',
  '2^40 + 2',
  '2^63',
  '1e100',
  '0/0',
  "'2'",
]
/** Starts of ranges. Ranges that overflow an int are left out, because they end native Lua. */
const FROM: readonly Bytes[] = ['nil', '1', '2', '3.9', '2^32 + 1', '-2^32 + 2', '2^40 + 2', "'2'", "'x'"]
const SMALL: readonly Bytes[] = ['0', '1', '2', '3', '-1', '4', '-2', '5']
const TEXTS: readonly Bytes[] = ["''", "'a'", "'abc'", "'hello world'", "'a,b,,c'", "'\\0a\\0'", "('xy'):rep(20)"]
const TABLES: readonly Bytes[] = [
  '{}',
  '{1}',
  '{1, 2, 3}',
  "{'a', 'b', 'c', 'd'}",
  '{[0] = 0, 1, 2, [5] = 5}',
  '{n = 3, 1}',
  '{[-1] = 7, [2^40] = 8}',
]

/** A piece of Lua that calls one function of Lua's libraries. */
export function nativeSnippet(chance: Seeded): Bytes {
  return chance.pick(SNIPPETS)(chance)
}

const SNIPPETS: readonly ((chance: Seeded) => Bytes)[] = [
  (chance) => `return string.sub(${text(chance)}${most(chance, 2, edge)})`,
  (chance) => `return (${text(chance)}):sub(${edge(chance)}, ${edge(chance)})`,
  (chance) => `return string.byte(${text(chance)}${most(chance, 2, edge)})`,
  (chance) =>
    `return string.find(${text(chance)}, ${chance.pick(["'b'", "'o.'", "''", "'%w+'", "'()'"])}${most(chance, 1, edge)}${chance.pick(['', ', true'])})`,
  (chance) => `return string.match(${text(chance)}, ${chance.pick(["'.'", "'()l*'", "'^%w'"])}${most(chance, 1, edge)})`,
  (chance) => `return string.gsub(${text(chance)}, ${chance.pick(["'.'", "'l'", "''"])}, '<%0>'${most(chance, 1, edge)})`,
  (chance) => `return string.rep(${text(chance)}, ${chance.pick(COUNTS)})`,
  (chance) => `return string.char(${several(chance, edge)})`,
  (chance) => `return string.format(${formatOf(chance)})`,
  (chance) => `return string.format('${directive(chance)}', ${floating(chance)})`,
  (chance) => `return ('${directive(chance)}'):format(${edge(chance)})`,
  (chance) => `return select(${edge(chance)}, 'a', 'b', 'c')`,
  (chance) => `return unpack(${table(chance)}, ${chance.pick(FROM)}${most(chance, 1, edge)})`,
  (chance) => `return tonumber(${digits(chance)}${most(chance, 1, (c) => c.pick([edge(c), '2', '8', '10', '16', '36']))})`,
  (chance) => `return tonumber(${edge(chance)}${most(chance, 1, edge)})`,
  (chance) => `return table.concat(${table(chance)}, ','${most(chance, 2, edge)})`,
  (chance) => `return table.concat(${table(chance)}, ${edge(chance)}, ${edge(chance)}, ${small(chance)})`,
  (chance) => `local t = ${table(chance)} local r = table.insert(t, ${insertPosition(chance)}, 'new') return t, r`,
  (chance) => `local t = ${table(chance)} local r = table.insert(t, ${edge(chance)}) return t, r`,
  (chance) => `local t = ${table(chance)} local r = table.remove(t${most(chance, 1, edge)}) return t, r`,
  (chance) => `local t = ${table(chance)} t[${key(chance)}] = 1 return table.maxn(t), t`,
  (chance) => `local t = ${table(chance)} rawset(t, ${key(chance)}, 1) return rawget(t, ${key(chance)}), t`,
  (chance) => `return error(${chance.pick([number, text])(chance)}, ${level(chance)})`,
  (chance) => `local function f() error('x'${most(chance, 1, level)}) end f()`,
  (chance) => `return math.ldexp(${floating(chance)}, ${edge(chance)})`,
  (chance) =>
    `return math.${chance.pick(['floor', 'ceil', 'abs', 'sqrt', 'modf', 'deg', 'rad'])}(${chance.pick([edge, floating])(chance)})`,
  (chance) => `return math.frexp(${number(chance)})`,
  (chance) => `return math.fmod(${number(chance)}, ${number(chance)})`,
  (chance) => `return math.${chance.pick(['max', 'min'])}(${several(chance, edge)})`,
  (chance) => `return (${number(chance)}) ${chance.pick(['+', '-', '*', '/', '%', '..'])} (${number(chance)})`,
  (chance) => `return tostring(${number(chance)})`,
  (chance) =>
    `local n = 0 for i = ${number(chance)}, ${number(chance)}, ${number(chance)} do n = n + 1 if n > 5 then break end end return n`,
]

const edge = (chance: Seeded): Bytes => chance.pick(EDGES)
/** Level 3 is left out: it is the function that called pcall, which differs here. */
const level = (chance: Seeded): Bytes => chance.pick(EDGES.filter((given) => given !== '3' && given !== '2^32 + 3'))
const small = (chance: Seeded): Bytes => chance.pick(SMALL)
const text = (chance: Seeded): Bytes => chance.pick(TEXTS)
const table = (chance: Seeded): Bytes => chance.pick(TABLES)
const key = (chance: Seeded): Bytes => chance.pick(['2^31', '2^32', '2^53', '-2^40', '2^63', '1e100', '3', '1.5', '-0', '2^32 + 1'])
const number = (chance: Seeded): Bytes => chance.pick([floating, (c: Seeded) => c.pick(EDGES.slice(0, EDGES.indexOf('0/0')))])(chance)

/** Up to `count` further arguments. */
function most(chance: Seeded, count: number, make: (chance: Seeded) => Bytes): Bytes {
  return Array.from({ length: chance.integer(count + 1) }, () => `, ${make(chance)}`).join('')
}

function several(chance: Seeded, make: (chance: Seeded) => Bytes): Bytes {
  return Array.from({ length: chance.integer(4) }, () => make(chance)).join(', ')
}

/**
 * A position for table.insert, never far below the end: native Lua visits every index in between.
 */
function insertPosition(chance: Seeded): Bytes {
  return chance.pick([
    small,
    small,
    (c: Seeded) => c.pick(['2^31 - 1', '2^32', '2^32 + 2', '-2^32 - 3', '2^40', '2^63', '0/0', '1e100', "'2'", "'x'", 'nil']),
  ])(chance)
}

function floating(chance: Seeded): Bytes {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(chance.integer(2 ** 32), 0)
  bytes.writeUInt32LE(chance.integer(2 ** 32), 4)
  const any = bytes.readDoubleLE()
  const value = chance.pick([
    (chance.random() - 0.5) * 10 ** chance.integer(25),
    Number.isFinite(any) ? any : 1.5,
    chance.integer(2 ** 32) / 8,
    chance.integer(1000),
  ])
  return Object.is(value, -0) ? '-0' : value.toPrecision(17)
}

function digits(chance: Seeded): Bytes {
  const random = () => Array.from({ length: chance.integer(24) }, () => chance.integer(36).toString(chance.pick([2, 10, 16, 36]))).join('')
  // A digit always follows 0x: musl accepts 0x alone as a number, glibc does not.
  const sign = chance.pick(['', '', '-', '+', ' -', '0x', '-0x', '0X', '\\0'])
  return chance.pick([
    () => `'${sign}${chance.integer(2)}${random()}${chance.pick(['', '', ' ', ' \\t', 'g', '\\0', '.5'])}'`,
    () =>
      `'${sign}${chance.pick(['ffffffff', '100000000', 'ffffffffffffffff', '10000000000000000', '7fffffffffffffff', '4294967296', '18446744073709551616', 'zzzzzzzzzzzzz'])}'`,
  ])()
}

/** A format directive with flags, width and precision, valid or not. */
function directive(chance: Seeded): Bytes {
  const flags = Array.from({ length: chance.integer(3) }, () => chance.pick(['-', '+', ' ', '#', '0'])).join('')
  const width = chance.pick(['', '', '5', '20', '99', '100'])
  const precision = chance.pick(['', '', '', '.', '.0', '.3', '.15', '.20', '.99', '.100'])
  return `%${flags}${width}${precision}${chance.pick(['d', 'i', 'u', 'o', 'x', 'X', 'c', 'd', 'x', 'e', 'E', 'f', 'g', 'G', 's', 'q', 'a', 'ld', '%', 'y'])}`
}

function formatOf(chance: Seeded): Bytes {
  const directives = Array.from({ length: 1 + chance.integer(3) }, () => chance.pick(['', 'x', '%%', ' ']) + directive(chance))
  return `'${directives.join('')}'${most(chance, 4, (c) => c.pick([edge, floating])(c))}`
}
