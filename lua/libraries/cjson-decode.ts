/**
 * cjson.decode: JSON into Lua. null becomes the light userdata NULL, and an empty array an empty
 * table. Open values are kept in a list, without recursion: no nesting comes near the end of
 * JavaScript's stack.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../stack.ts'
import { argumentError, bytesArgument, raiseAt } from './arguments.ts'
import { setting } from './cjson-settings.ts'
import { JsonScanner, type Token } from './json-scanner.ts'

/** The mark of an object in `positions`. */
const OBJECT = -1

/** cjson.decode(text) */
export function decode(stack: LuaStack): number {
  if (stack.top !== 1) argumentError(stack, 1, 'expected 1 argument')
  const text = bytesArgument(stack, 1)
  if (text.length >= 2 && (text[0] === '\0' || text[1] === '\0')) raiseAt(stack, 'JSON parser does not support UTF-16 or UTF-32')
  new Decoder(stack, text).decode()
  return 1
}

class Decoder {
  private readonly stack: LuaStack
  private readonly scanner: JsonScanner
  /**
   * Address of the text in Lua's memory, where it does not move. Parts of it are copied from there.
   */
  private readonly pointer: number
  private readonly maxDepth: number
  /** One item for each open value: an array's next position, or OBJECT. */
  private readonly positions: number[] = []

  constructor(stack: LuaStack, text: Bytes) {
    this.stack = stack
    this.scanner = new JsonScanner(text, setting(stack, 'decodeInvalidNumbers') !== 0)
    this.pointer = stack.api.lua_tolstring(stack.state, 1, 0)
    this.maxDepth = setting(stack, 'decodeMaxDepth')
  }

  /** Pushes the value that the text describes. */
  decode(): void {
    let token: Token | null = this.scanner.next()
    while (token !== null || this.positions.length > 0) token = token === null ? this.store() : this.beginContainer(token)
    const last = this.scanner.next()
    if (last !== 'T_END') this.raiseUnexpected('the end', last)
  }

  /**
   * Begins a value with its first token. Returns the token that begins the next value, or null when
   * a whole value is on top of the stack.
   */
  private beginContainer(token: Token): Token | null {
    if (token === 'T_OBJ_BEGIN') {
      const first = this.enter(OBJECT, 3)
      return first === 'T_OBJ_END' ? this.leaveContainer() : this.key(first)
    }
    if (token === 'T_ARR_BEGIN') {
      const first = this.enter(1, 2)
      return first === 'T_ARR_END' ? this.leaveContainer() : first
    }
    this.pushScalar(token)
    return null
  }

  /** Puts the value on top into the innermost open one. Returns as `beginContainer` does. */
  private store(): Token | null {
    const { stack, positions } = this
    const innermost = positions.length - 1
    const position = must(positions[innermost])
    if (position === OBJECT) {
      stack.api.lua_rawset(stack.state, -3)
      const token = this.scanner.next()
      if (token === 'T_OBJ_END') return this.leaveContainer()
      if (token !== 'T_COMMA') this.raiseUnexpected('comma or object end', token)
      return this.key(this.scanner.next())
    }
    stack.rawSetAt(-2, position)
    positions[innermost] = position + 1
    const token = this.scanner.next()
    if (token === 'T_ARR_END') return this.leaveContainer()
    if (token !== 'T_COMMA') this.raiseUnexpected('comma or array end', token)
    return this.scanner.next()
  }

  private enter(position: number, slots: number): Token {
    const { stack, positions, scanner } = this
    positions.push(position)
    if (positions.length > this.maxDepth || stack.api.lua_checkstack(stack.state, slots) === 0)
      raiseAt(stack, `Found too many nested data structures (${positions.length}) at character ${scanner.position}`)
    stack.pushTable()
    return scanner.next()
  }

  private leaveContainer(): null {
    this.positions.pop()
    return null
  }

  /** Pushes a key, and returns the token that begins its value. */
  private key(token: Token): Token {
    if (token !== 'T_STRING') this.raiseUnexpected('object key string', token)
    this.pushString()
    const colon = this.scanner.next()
    if (colon !== 'T_COLON') this.raiseUnexpected('colon', colon)
    return this.scanner.next()
  }

  private pushScalar(token: Token): void {
    const { stack, scanner } = this
    if (token === 'T_STRING') this.pushString()
    else if (token === 'T_NUMBER') stack.push(scanner.number)
    else if (token === 'T_BOOLEAN') stack.push(scanner.isTrue)
    else if (token === 'T_NULL') stack.pushLightUserdata(0)
    else this.raiseUnexpected('value', token)
  }

  private pushString(): void {
    const { stack, scanner } = this
    if (scanner.start < 0) stack.pushString(scanner.string)
    else stack.api.lua_pushlstring(stack.state, this.pointer + scanner.start, scanner.end - scanner.start)
  }

  private raiseUnexpected(expected: Bytes, token: Token): never {
    const { scanner } = this
    const found = token === 'T_ERROR' ? scanner.problem : token
    return raiseAt(this.stack, `Expected ${expected} but found ${found} at character ${scanner.index + 1}`)
  }
}
