/**
 * The cases of all libraries and of the sandbox, read from text. A case is a piece of Lua on one
 * line and its result on the next, indented by two spaces.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { BIT_CASES } from './bit-cases.ts'
import { CJSON_CASES } from './cjson-cases.ts'
import { CMSGPACK_CASES } from './cmsgpack-cases.ts'
import { JSON_CASES } from './json-cases.ts'
import { LUA_CASES } from './lua-cases.ts'
import { SANDBOX_CASES } from './sandbox-cases.ts'
import { STRUCT_CASES } from './struct-cases.ts'

export const LIBRARY_CASES: Readonly<Record<Bytes, readonly LibraryCase[]>> = {
  cjson: [...casesOf(JSON_CASES), ...casesOf(CJSON_CASES)],
  cmsgpack: casesOf(CMSGPACK_CASES),
  struct: casesOf(STRUCT_CASES),
  bit: casesOf(BIT_CASES),
  sandbox: casesOf(SANDBOX_CASES),
  lua: casesOf(LUA_CASES),
}

export interface LibraryCase {
  readonly lua: Bytes
  readonly expected: Bytes
}

function casesOf(text: string): LibraryCase[] {
  return [...text.matchAll(/^(?! )(.+)\n {2}(.*)$/gm)].map(([, lua, expected]) => ({ lua: lua as Bytes, expected: expected as Bytes }))
}
