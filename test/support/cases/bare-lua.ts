/** Lua with its own libraries and what a test adds: no sandbox, no hook. */
import { LuaModule } from '../../../lua/module.ts'
import { LuaStack } from '../../../lua/stack.ts'

/** A Lua state with the standard libraries only. */
export class BareLua {
  readonly stack: LuaStack
  private readonly module = new LuaModule(64 * 2 ** 20, () => performance.now())

  constructor(prepare: (stack: LuaStack) => void = () => {}) {
    const { module } = this
    const { api } = module
    this.stack = new LuaStack(module, api.luaL_newstate())
    for (const open of [api.luaopen_base, api.luaopen_string, api.luaopen_table]) {
      this.stack.pushFunction(module.addFunction('ii', open))
      api.lua_call(this.stack.state, 0, 0)
    }
    prepare(this.stack)
  }

  /**
   * Compiles a piece of Lua under the name c. Leaves the function or an error on the stack, and
   * returns Lua's status.
   */
  load(code: string): number {
    const { module, stack } = this
    const { api } = module
    const pointer = api.malloc(code.length + 3)
    module.bytes.latin1Write(`${code}=c\0`, pointer)
    const status = api.luaL_loadbuffer(stack.state, pointer, code.length, pointer + code.length)
    api.free(pointer)
    return status
  }
}
