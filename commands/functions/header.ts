/** The first line of a library's code, which names the library: `#!lua name=mylib`. */
import { at } from '../../base/assert.ts'
import { type Bytes, detached, lowerCase } from '../../base/bytes.ts'
import { clientError } from '../contract/errors.ts'
import { splitInline } from '../parsing/inline-words.ts'

const ENGINE = 'lua'
const NAME = /^[A-Za-z0-9_]+$/
const NAME_EQUALS = 'name='

export interface LibraryHeader {
  readonly name: Bytes
  /**
   * The code without the first line but with its line end, so that errors keep their line numbers.
   */
  readonly body: Bytes
}

/** True if a library or function may have this name. */
export const isProperName = (name: Bytes): boolean => NAME.test(name)

export const IMPROPER_NAME = 'Library names can only contain letters, numbers, or underscores(_) and must be at least one character long'

/** Returns the header and the body of a library. Throws Redis's errors for other texts. */
export function readLibraryHeader(code: Bytes): LibraryHeader {
  if (!code.startsWith('#!')) throw clientError('ERR Missing library metadata')
  const lineEnd = code.indexOf('\n')
  const words = lineEnd < 0 ? null : splitInline(code.slice(0, lineEnd))
  if (words === null || words.length === 0) throw clientError('ERR Invalid library metadata')
  let name: Bytes | null = null
  for (const word of words.slice(1)) {
    if (lowerCase(word.slice(0, NAME_EQUALS.length)) !== NAME_EQUALS) throw clientError(`ERR Invalid metadata value given: ${word}`)
    if (name !== null) throw clientError('ERR Invalid metadata value, name argument was given multiple times')
    name = word.slice(NAME_EQUALS.length)
  }
  if (name === null) throw clientError('ERR Library name was not given')
  if (!isProperName(name)) throw clientError(`ERR ${IMPROPER_NAME}`)
  const engine = at(words, 0).slice(2)
  if (lowerCase(engine) !== ENGINE) throw clientError(`ERR Engine '${engine}' not found`)
  return { name: detached(name), body: code.slice(lineEnd) }
}
