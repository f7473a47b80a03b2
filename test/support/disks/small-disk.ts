/** A small file system (tmpfs) that tests can really fill. Mounting one requires root on Linux. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs with a directory on such a file system. Skips if none can be mounted. */
export async function onSmallDisk(megabytes: number, run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-full-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory])
  if (status !== 0) {
    rmdirSync(directory)
    console.log('SKIPPED a full disk: a tmpfs cannot be mounted')
    return
  }
  try {
    await run(directory)
  } finally {
    spawnSync('umount', ['--lazy', directory])
    rmdirSync(directory)
  }
}

const fillerOf = (directory: string) => join(directory, 'filler')

/** Fills the remaining space with another file. */
export function fillDisk(directory: string): void {
  const file = openSync(fillerOf(directory), 'a')
  try {
    for (let sizeBytes = 1024 * 1024; sizeBytes > 0; ) {
      try {
        if (writeSync(file, Buffer.alloc(sizeBytes)) < sizeBytes) sizeBytes >>= 1
      } catch {
        sizeBytes >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
}

/** Removes the file that `fillDisk` wrote. */
export function emptyDisk(directory: string): void {
  rmSync(fillerOf(directory), { force: true })
}

/** Keeps the disk full during a run, also when space is freed. */
export async function keptFull<T>(directory: string, run: () => Promise<T>): Promise<T> {
  let isOver = false
  const filling = (async () => {
    while (!isOver) {
      fillDisk(directory)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  try {
    return await run()
  } finally {
    isOver = true
    await filling
    emptyDisk(directory)
  }
}
