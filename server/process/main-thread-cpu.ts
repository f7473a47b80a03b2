/** CPU time of the main thread, from /proc: Node.js before 23.9 tells only that of the whole process. */
import { readFileSync } from 'node:fs'

/** Linux counts in ticks of this length for everyone who reads /proc. */
const TICKS_PER_SECOND = 100
/** Positions of fields behind the command's name, which may hold spaces. The state is at 0. */
const USER_TICKS = 11
const SYSTEM_TICKS = 12

export interface CpuSeconds {
  readonly user: number
  readonly system: number
}

/** Null where /proc is not there. */
export function mainThreadCpu(): CpuSeconds | null {
  try {
    const line = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1')
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return { user: Number(fields[USER_TICKS]) / TICKS_PER_SECOND, system: Number(fields[SYSTEM_TICKS]) / TICKS_PER_SECOND }
  } catch {
    return null
  }
}
