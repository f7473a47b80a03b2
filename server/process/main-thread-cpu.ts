/**
 * CPU time of the main thread, from /proc: Node.js before 23.9 reports only that of the whole
 * process.
 */
import { readFileSync } from 'node:fs'

/** Linux reports times in /proc in ticks of this length. */
const TICKS_PER_SECOND = 100
/** Field positions after the command's name, which may hold spaces. The state is field 0. */
const USER_TICKS = 11
const SYSTEM_TICKS = 12

export interface CpuSeconds {
  readonly user: number
  readonly system: number
}

/** Returns null if there is no /proc. */
export function mainThreadCpu(): CpuSeconds | null {
  try {
    const line = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1')
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return { user: Number(fields[USER_TICKS]) / TICKS_PER_SECOND, system: Number(fields[SYSTEM_TICKS]) / TICKS_PER_SECOND }
  } catch {
    return null
  }
}
