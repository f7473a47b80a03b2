/** The libraries that scripts have in addition to Lua's own, by their global names. */
import type { Bytes } from '../../base/bytes.ts'
import { pushBit } from './bit.ts'
import { pushCjson } from './cjson.ts'
import { pushCmsgpack } from './cmsgpack.ts'
import type { LuaLibrary } from './library.ts'
import { pushStruct } from './struct.ts'

export const LIBRARIES: readonly (readonly [name: Bytes, push: LuaLibrary])[] = [
  ['cjson', pushCjson],
  ['cmsgpack', pushCmsgpack],
  ['struct', pushStruct],
  ['bit', pushBit],
]
