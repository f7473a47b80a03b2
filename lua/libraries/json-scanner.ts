/**
 * Splits JSON into tokens as cjson does. A zero byte ends the text. Every number that C's strtod
 * reads is a number. The tokens have the names that cjson's messages use.
 */
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import { readNumber } from './number-text.ts'

export type Token =
  | 'T_OBJ_BEGIN'
  | 'T_OBJ_END'
  | 'T_ARR_BEGIN'
  | 'T_ARR_END'
  | 'T_STRING'
  | 'T_NUMBER'
  | 'T_BOOLEAN'
  | 'T_NULL'
  | 'T_COLON'
  | 'T_COMMA'
  | 'T_END'
  | 'T_ERROR'

const QUOTE = 0x22
const PLUS = 0x2b
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c
/** A double holds any integer of so few digits exactly. */
const SAFE_DIGITS = 15

const SINGLE: ReadonlyMap<number, Token> = new Map<number, Token>([
  [0x7b, 'T_OBJ_BEGIN'],
  [0x7d, 'T_OBJ_END'],
  [0x5b, 'T_ARR_BEGIN'],
  [0x5d, 'T_ARR_END'],
  [0x2c, 'T_COMMA'],
  [0x3a, 'T_COLON'],
  [0x00, 'T_END'],
])

/** Tokens of one character by its code; undefined for others. */
const TOKENS: ReadonlyArray<Token | undefined> = Array.from({ length: 256 }, (_, code) => SINGLE.get(code))

const ESCAPED: Readonly<Record<string, Bytes>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' }

/**
 * First characters of tokens with several characters. Any other first character is an error at
 * once.
 */
const WORD_BEGINNINGS = new Set(['f', 'i', 'I', 'n', 'N', 't', '+'].map((letter) => letter.charCodeAt(0)))

/** Splits a text into tokens. */
export class JsonScanner {
  /** Offset where the search for the next token begins. */
  position = 0
  /** Offset where the last token began; for an error, its place. */
  index = 0
  /** Value of a T_NUMBER. */
  number = 0
  /** Value of a T_BOOLEAN. */
  isTrue = false
  /**
   * The place of a T_STRING without escapes in the text, quotes excluded. With escapes, `start` is
   * -1 and `string` is its content.
   */
  start = -1
  end = 0
  string: Bytes = ''
  /** Description of the error of a T_ERROR. */
  problem: Bytes = ''
  private readonly text: Bytes
  private readonly mayTakeInvalidNumbers: boolean

  constructor(text: Bytes, takesInvalidNumbers: boolean) {
    this.text = text
    this.mayTakeInvalidNumbers = takesInvalidNumbers
  }

  next(): Token {
    const { text } = this
    let code = text.charCodeAt(this.position)
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++this.position)
    this.index = this.position
    if (code === QUOTE) return this.nextString()
    const isDigit = code >= ZERO && code <= NINE
    if (isDigit || code === MINUS) return isDigit ? this.nextDigits() : this.nextNumber()
    if (Number.isNaN(code)) return 'T_END'
    const token = TOKENS[code]
    if (token === undefined) return this.nextWord(code)
    if (token !== 'T_END') this.position++
    return token
  }

  private nextWord(code: number): Token {
    const { text, position } = this
    if (!WORD_BEGINNINGS.has(code)) return this.wrong('invalid token')
    if (text.startsWith('true', position)) return this.word('T_BOOLEAN', true)
    if (text.startsWith('false', position)) return this.word('T_BOOLEAN', false)
    if (text.startsWith('null', position)) return this.word('T_NULL', true)
    if (this.mayTakeInvalidNumbers && this.isInvalidNumber()) return this.nextNumber()
    return this.wrong('invalid token')
  }

  private word(token: Token, value: boolean): Token {
    this.isTrue = value
    this.position += value ? 4 : 5
    return token
  }

  /** Reads a number that begins with a digit: most are short integers. */
  private nextDigits(): Token {
    const { text, position } = this
    let value = 0
    let end = position
    let code = text.charCodeAt(end)
    for (; code >= ZERO && code <= NINE; code = text.charCodeAt(++end)) value = value * 10 + code - ZERO
    const goesOn = code === 0x2e || (code | 0x20) === 0x65 || (code | 0x20) === 0x78
    const startsWithZero = text.charCodeAt(position) === ZERO && end > position + 1
    if (goesOn || startsWithZero || end - position > SAFE_DIGITS) return this.nextNumber()
    this.number = value
    this.position = end
    return 'T_NUMBER'
  }

  private nextNumber(): Token {
    if (!this.mayTakeInvalidNumbers && this.isInvalidNumber()) return this.wrong('invalid number')
    const read = readNumber(this.text, this.position)
    if (read === null) return this.wrong('invalid number')
    this.number = read.value
    this.position = read.end
    return 'T_NUMBER'
  }

  /**
   * Returns true for a number that strtod reads and JSON does not allow: with a plus, hexadecimal,
   * with leading zeros, an infinity or NaN.
   */
  private isInvalidNumber(): boolean {
    const { text } = this
    if (text.charCodeAt(this.position) === PLUS) return true
    const first = text.charCodeAt(this.position) === MINUS ? this.position + 1 : this.position
    if (text.charCodeAt(first) === ZERO) return /[xX\d]/.test(text.charAt(first + 1))
    return /^(?:inf|nan)/i.test(text.slice(first, first + 3))
  }

  private nextString(): Token {
    const { text } = this
    let from = ++this.position
    let decoded = ''
    while (true) {
      const code = text.charCodeAt(this.position)
      if (code === QUOTE) break
      if (code === BACKSLASH) {
        decoded += text.slice(from, this.position)
        const escaped = this.nextEscape()
        if (escaped === null) return 'T_ERROR'
        decoded += escaped
        from = this.position
      } else if (code > 0) this.position++
      else return this.wrong('unexpected end of string')
    }
    const end = this.position++
    const isPlain = from === this.index + 1
    this.start = isPlain ? from : -1
    this.end = end
    if (!isPlain) this.string = decoded + text.slice(from, end)
    return 'T_STRING'
  }

  /** Returns the text that the escape represents, or null if it is no escape. */
  private nextEscape(): Bytes | null {
    const letter = this.text.charAt(this.position + 1)
    if (letter === 'u') return this.nextUnicodeEscape()
    const escaped = ESCAPED[letter]
    if (escaped === undefined) {
      this.wrong('invalid escape code')
      return null
    }
    this.position += 2
    return escaped
  }

  private nextUnicodeEscape(): Bytes | null {
    const first = this.codeUnit(this.position)
    if (first !== null && (first & 0xf800) !== 0xd800) {
      this.position += 6
      return utf8(first)
    }
    const second = first !== null && (first & 0x400) === 0 ? this.codeUnit(this.position + 6) : null
    if (first === null || second === null || (second & 0xfc00) !== 0xdc00) {
      this.wrong('invalid unicode escape code')
      return null
    }
    this.position += 12
    return bytesOfText(String.fromCharCode(first, second))
  }

  /** Returns the number in an escape of the form \uXXXX, or null. */
  private codeUnit(position: number): number | null {
    const written = this.text.slice(position, position + 6)
    return /^\\u[\da-fA-F]{4}$/.test(written) ? Number.parseInt(written.slice(2), 16) : null
  }

  private wrong(problem: Bytes): Token {
    this.index = this.position
    this.problem = problem
    return 'T_ERROR'
  }
}

/** Encodes a character of the basic plane in UTF-8. */
function utf8(code: number): Bytes {
  return code < 0x80 ? String.fromCharCode(code) : bytesOfText(String.fromCharCode(code))
}
