/**
 * Runs the test files that the arguments name in this process, one after the other, and prints one
 * total. uvu gathers the tests of a file while it is imported.
 */
import { pathToFileURL } from 'node:url'

interface UvuGlobals {
  UVU_DEFER: number
  UVU_INDEX: number
  UVU_QUEUE: unknown[][]
}

const globals = globalThis as unknown as UvuGlobals
globals.UVU_DEFER = 1
const { exec } = (await import('uvu')) as unknown as { exec(): Promise<void> }
for (const [index, path] of process.argv.slice(2).entries()) {
  globals.UVU_INDEX = index
  globals.UVU_QUEUE.push([path])
  await import(pathToFileURL(path).href)
}
await exec()
