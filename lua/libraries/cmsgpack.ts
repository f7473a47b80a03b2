/** cmsgpack 0.4.0: MessagePack. */
import type { LuaStack } from '../stack.ts'
import { pack } from './cmsgpack-pack.ts'
import { unpack, unpackLimit, unpackOne } from './cmsgpack-unpack.ts'
import { pushLibrary } from './library.ts'

/** Pushes the table of cmsgpack. */
export function pushCmsgpack(stack: LuaStack): void {
  pushLibrary(
    stack,
    { pack, unpack, unpack_one: unpackOne, unpack_limit: unpackLimit },
    {
      _NAME: 'cmsgpack',
      _VERSION: 'lua-cmsgpack 0.4.0',
      _COPYRIGHT: 'Copyright (C) 2012, Salvatore Sanfilippo',
      _DESCRIPTION: 'MessagePack C implementation for Lua',
    },
  )
}
