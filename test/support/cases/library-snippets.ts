/**
 * Random pieces of Lua that call the libraries with valid and spoiled arguments, for comparing
 * their results here and in Redis.
 */
import { type Bytes, bufferOf } from '../../../base/bytes.ts'
import type { Seeded } from '../generators/seed.ts'

const DOUBLES = [
  0,
  -0,
  1,
  -1,
  0.5,
  0.1,
  1 / 3,
  127,
  128,
  255,
  256,
  65535,
  65536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  1e14,
  1e15,
  1e300,
  5e-324,
]
const WORDS = ['', 'a', 'key', '1', 'true', '\0', '"', '\\', '/', '\n', '\x7f', '\xff\x80', 'h\xc3\xa9', 'x'.repeat(31)]
/**
 * The words and two long strings. Long strings are no table keys: Redis's Lua hashes them
 * differently from Lua, so the order in tables differs.
 */
const VALUES = [...WORDS, 'x'.repeat(32), 'y'.repeat(300)]

/** A piece of Lua about one of the libraries. */
export function randomSnippet(chance: Seeded): Bytes {
  return chance.pick(SNIPPETS)(chance)
}

const SNIPPETS: readonly ((chance: Seeded) => Bytes)[] = [
  (chance) => `return cjson.encode(${value(chance, 4)})`,
  (chance) => `return cjson.encode(cjson.decode(${literal(json(chance, 4))}))`,
  (chance) => `return cjson.decode(${literal(json(chance, 4))})`,
  (chance) => `return cjson.decode(${literal(spoiled(chance, json(chance, 3)))})`,
  (chance) => `return cjson.decode(${literal(numberText(chance))})`,
  (chance) =>
    `local c = cjson.new() c.encode_number_precision(${1 + chance.integer(14)}) return c.encode(${number(chance)}), c.encode(${tie(chance)})`,
  (chance) =>
    `local c = cjson.new() c.encode_invalid_numbers('null') c.encode_sparse_array(true, 1, 2) return c.encode(${value(chance, 3)})`,
  (chance) => `local c = cjson.new() c.decode_invalid_numbers(false) return c.decode(${literal(numberText(chance))})`,
  (chance) => `return cmsgpack.pack(${value(chance, 4)}, ${number(chance)})`,
  (chance) => `return cmsgpack.unpack(cmsgpack.pack(${value(chance, 4)}))`,
  (chance) =>
    `local s = cmsgpack.pack(${value(chance, 3)}) return cmsgpack.unpack(s:sub(1, ${chance.integer(20)})..s:sub(${chance.integer(20)}))`,
  (chance) => `return cmsgpack.unpack(${literal(randomBytes(chance, 12))})`,
  (chance) => `return cmsgpack.unpack_limit(${literal(randomBytes(chance, 12))}, ${chance.integer(6) - 1}, ${chance.integer(8) - 1})`,
  (chance) => `return cmsgpack.unpack_one(${literal(randomBytes(chance, 8))}, ${chance.integer(8) - 1})`,
  (chance) => `return struct.pack(${literal(structFormat(chance))}, ${list(chance, () => scalar(chance))})`,
  (chance) => `return struct.unpack(${literal(structFormat(chance))}, ${literal(randomBytes(chance, 60))}, ${chance.integer(5)})`,
  (chance) => `return struct.unpack(${literal(structFormat(chance))}, ('\\1\\255\\128'):rep(60))`,
  (chance) => `return struct.size(${literal(structFormat(chance))})`,
  (chance) => `return bit.${chance.pick(['tobit', 'bnot', 'bswap', 'tohex'])}(${number(chance)})`,
  (chance) => `return bit.${chance.pick(['band', 'bor', 'bxor'])}(${list(chance, () => number(chance))})`,
  (chance) => `return bit.${chance.pick(['lshift', 'rshift', 'arshift', 'rol', 'ror', 'tohex'])}(${number(chance)}, ${number(chance)})`,
]

/** A Lua string literal of escapes only. */
function literal(bytes: Bytes): Bytes {
  return `"${[...bufferOf(bytes)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`
}

function list(chance: Seeded, make: () => Bytes): Bytes {
  return Array.from({ length: 1 + chance.integer(5) }, make).join(', ')
}

function randomBytes(chance: Seeded, most: number): Bytes {
  return Array.from({ length: chance.integer(most) }, () => String.fromCharCode(chance.integer(256))).join('')
}

function double(chance: Seeded): number {
  const bytes = Buffer.alloc(8)
  switch (chance.integer(5)) {
    case 0:
      return chance.pick(DOUBLES) * chance.pick([1, -1])
    case 1:
      return chance.integer(2000) - 1000
    case 2:
      return (chance.random() - 0.5) * 10 ** chance.integer(20)
    case 3:
      return Math.round((chance.random() - 0.5) * 2 ** chance.integer(70)) + chance.integer(3) - 1
    default:
      bytes.writeUInt32LE(chance.integer(2 ** 32), 0)
      bytes.writeUInt32LE(chance.integer(2 ** 32), 4)
      return bytes.readDoubleLE()
  }
}

/** An expression whose value is a double, but never NaN, whose sign depends on the processor. */
function number(chance: Seeded): Bytes {
  const value = double(chance)
  if (Number.isNaN(value)) return '1'
  return Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : `${value < 0 ? '-' : ''}1/0`
}

/** A double halfway between two shorter decimals. */
function tie(chance: Seeded): Bytes {
  return `${chance.integer(2 ** 32)}.${chance.pick(['5', '25', '75', '125', '0625', '375'])}`
}

function scalar(chance: Seeded): Bytes {
  return chance.pick([number, (seeded: Seeded) => literal(seeded.pick(VALUES)), number, () => 'true', () => 'nil', () => 'cjson.null'])(
    chance,
  )
}

function value(chance: Seeded, depth: number): Bytes {
  if (depth === 0 || chance.integer(3) === 0) return scalar(chance)
  const entries = Array.from({ length: chance.integer(6) }, () => {
    const content = value(chance, depth - 1)
    switch (chance.integer(12)) {
      case 0:
        return `[${chance.integer(30)}]=${content}`
      case 1:
        return `[${number(chance)}]=${content}`
      case 2:
        return chance.pick([`[true]=${content}`, content])
      case 3:
      case 4:
        return `[${literal(chance.pick(WORDS))}]=${content}`
      default:
        return content
    }
  })
  return `{${entries.join(',')}}`
}

function numberText(chance: Seeded): Bytes {
  const plain = String(double(chance))
  const digits = () => Array.from({ length: chance.integer(20) }, () => chance.integer(10)).join('')
  const made = `${chance.pick(['', '-', '+'])}${digits()}${chance.pick(['', '.'])}${digits()}${chance.pick(['', 'e', 'E+', 'e-'])}${chance.integer(400)}`
  const hexadecimal = `${chance.pick(['', '-'])}0x${chance.integer(2 ** 32).toString(16)}${chance.pick(['', '.8', '.', 'p3', 'P-2', 'g', '.p'])}`
  return spoiled(chance, chance.pick([plain, made, hexadecimal, 'nan', 'inf', 'infinity', '-NaN(12)', 'Infinit']))
}

function json(chance: Seeded, depth: number): Bytes {
  const space = () => chance.pick(['', '', ' ', '\n', '\t'])
  const elements = () => Array.from({ length: chance.integer(5) })
  switch (depth === 0 ? chance.integer(4) : chance.integer(7)) {
    case 0:
      return String(double(chance))
    case 1:
      return chance.pick(['true', 'false', 'null'])
    case 2:
      return JSON.stringify(chance.pick(VALUES))
    case 3:
      return chance.pick(['"\\u00e9"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\/\\b"', '"\\u20AC"', '"\xff"'])
    case 4:
    case 5:
      return `{${elements()
        .map(() => `${space()}${JSON.stringify(chance.pick(WORDS))}${space()}:${space()}${json(chance, depth - 1)}`)
        .join(`${space()},`)}${space()}}`
    default:
      return `[${elements()
        .map(() => space() + json(chance, depth - 1))
        .join(`${space()},`)}${space()}]`
  }
}

/** The bytes with a few added, removed or replaced. */
function spoiled(chance: Seeded, bytes: Bytes): Bytes {
  let text = bytes
  for (let times = chance.integer(3); times > 0; times--) {
    const at = chance.integer(text.length + 1)
    const added = chance.pick(['', '', '"', '\\', ',', ':', '{', '}', '[', ']', '0', '-', 'e', '\0', ' ', '\\u', 't', 'x'])
    text = text.slice(0, at) + added + text.slice(at + chance.integer(3))
  }
  return text
}

function structFormat(chance: Seeded): Bytes {
  const letters = ['b', 'B', 'h', 'H', 'i', 'I', 'l', 'L', 'T', 'f', 'd', 's', 'x', 'c', '>', '<', '!', ' ']
  const options = Array.from({ length: chance.integer(7) }, () => {
    const option = chance.pick(letters)
    if (option === '!') return `!${chance.pick(['', '1', '2', '4', '8', '16', '3', '0'])}`
    const hasNumber = 'iIc'.includes(option) && chance.integer(2) === 0
    return hasNumber ? `${option}${chance.integer(option === 'c' ? 5 : 34)}` : option
  })
  return chance.integer(15) === 0 ? `${options.join('')}${chance.pick(['z', '%', '9', '\0i'])}` : options.join('')
}
