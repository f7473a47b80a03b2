/** Measures a restart after kill -9 behind many writes to keys that are not in memory. */
import { readFileSync, rmSync } from 'node:fs'
import { type Build, endProgram, type Program, startBuild } from '../support/programs.ts'
import { redisBenchmark } from '../support/redis-benchmark.ts'

export interface Restart {
  readonly label: string
  /** SETs before the kill. */
  readonly writes: number
  readonly startMs: number
  /** Commands of the binlog that haypile replayed, and how long that took; null for Redis. */
  readonly replayed: { readonly commands: number; readonly ms: number; readonly secondsPerMillion: number | null } | null
}

/** Kills the server and starts it again on its directory. The result has the new process. */
export async function restart(
  program: Program,
  build: Build,
  flags: readonly string[],
  keys: number,
): Promise<{ program: Program; result: Restart }> {
  const command = { title: 'SET', words: ['SET', 'key:__rand_int__', 'x'.repeat(200)] }
  await redisBenchmark(program.port, { tests: [], command, requests: keys, pipeline: 16, clients: 50, valueBytes: 1, keys })
  await endProgram(program, 'SIGKILL', 'keep')
  const logPath = `${program.directory}.log`
  const logFlags = build.name === 'haypile' ? ['--loglevel', 'notice', '--logfile', logPath] : []
  const again = await startBuild(build, [...flags, ...logFlags], program.directory)
  const replayed = build.name === 'haypile' ? replayedOf(readFileSync(logPath, 'utf8')) : null
  rmSync(logPath, { force: true })
  return { program: again, result: { label: build.label, writes: keys, startMs: again.startMs, replayed } }
}

/** Returns the counts of the log line that says that haypile is ready. */
function replayedOf(log: string): Restart['replayed'] {
  for (const line of log.split('\n')) {
    if (!line.includes('"replayed"')) continue
    const { replayed } = JSON.parse(line) as { replayed: { commands: number; ms: number } }
    const { commands, ms } = replayed
    return { commands, ms, secondsPerMillion: commands === 0 ? null : (ms / commands) * 1000 }
  }
  return null
}
