/**
 * Process groups: a process that a test file starts belongs to the file's group, unless it creates
 * its own.
 */
import { readdirSync, readFileSync } from 'node:fs'

const POLL_MS = 20

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false // the group is empty
  }
}

/** The command lines of the processes in a group. Without /proc, the number of the group. */
function linesOf(group: number): string[] {
  let pids: string[]
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return [`process group ${group}`]
  }
  const lines: string[] = []
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ') // state ppid pgrp ...
      if (Number(fields[2]) !== group || fields[0] === 'Z') continue
      lines.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()}`)
    } catch {} // the process has ended by now
  }
  return lines
}

/**
 * Waits until no process is left in a group, at most `patienceMs`, and then kills the rest.
 * Resolves to the command lines of the killed processes.
 */
export async function endGroup(group: number, patienceMs: number): Promise<string[]> {
  const deadline = performance.now() + patienceMs
  while (signalGroup(group, 0)) {
    if (performance.now() >= deadline) {
      const lines = linesOf(group)
      signalGroup(group, 'SIGKILL')
      return lines
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return []
}
