/**
 * Decides when a machine's garbage is collected. Lua 5.1 starts a collection when memory has grown
 * by half, and ignores the limit. This class also collects when memory is short.
 *
 * A collection runs in one step. Lua's incremental steps do work by the number of allocations, not
 * by their size. A few large strings would fill the memory before a collection ended.
 */
import { GC_COLLECT, GC_COUNT, GC_SET_PAUSE, GC_SET_STEP_MULTIPLIER, type LuaApi, ONE_STEP } from './api.ts'

/** Lua starts a collection when memory reaches this percentage of the size after the last one. */
const PAUSE = 150
/**
 * Collects above this share of the limit: `over` after a function has ended, `running` while one
 * runs.
 */
const CROWDED = { over: 0.25, running: 0.5 } as const
/** The next collection above that share waits until memory has grown by this factor. */
const GROWTH = 1.2

/** Collects the garbage of one machine. */
export class Garbage {
  private readonly api: LuaApi
  private readonly main: number
  private readonly limitBytes: number
  /** Bytes in use after the last collection of either kind. */
  private readonly kept = { over: 0, running: 0 }

  constructor(api: LuaApi, main: number, limitBytes: number) {
    this.api = api
    this.main = main
    this.limitBytes = limitBytes
    api.lua_gc(main, GC_SET_PAUSE, PAUSE)
    api.lua_gc(main, GC_SET_STEP_MULTIPLIER, ONE_STEP)
  }

  /** Bytes of Lua's memory in use. */
  get usedBytes(): number {
    return this.api.lua_gc(this.main, GC_COUNT, 0) * 1024
  }

  /** Notes that a function begins to run. */
  beginCycle(): void {
    this.kept.running = 0
  }

  collectIfCrowded(when: 'over' | 'running'): void {
    if (this.usedBytes <= Math.max(this.limitBytes * CROWDED[when], this.kept[when] * GROWTH)) return
    this.api.lua_gc(this.main, GC_COLLECT, 0)
    this.kept[when] = this.usedBytes
  }
}
