/** The Lua machine of functions, joined to the configuration. */
import { LuaFunctions } from '../commands/functions/engine.ts'
import { LIBRARIES } from '../lua/libraries/all.ts'
import { LuaMachine } from '../lua/machine.ts'
import { systemClock } from '../storage/clock.ts'

const LIMIT_BYTES = 256 * 2 ** 20

export function functionEngine(): LuaFunctions {
  return new LuaFunctions(
    () =>
      new LuaMachine({
        limitBytes: LIMIT_BYTES,
        nowMs: systemClock.monotonicMs,
        libraries: [...LIBRARIES, ['redis', (stack) => stack.pushTable()]],
      }),
  )
}
