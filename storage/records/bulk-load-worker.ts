/** A thread of a bulk load: it sorts records into runs, and merges runs into tables. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { must, rethrowAssertion } from '../../base/assert.ts'
import { realFiles } from '../../base/files.ts'
import type { LoadReply, LoadRequest } from './bulk-load.ts'
import { mergeRuns } from './record-merge.ts'
import { RunWriter } from './record-run.ts'

const port = must(parentPort)
const name = workerData as string
let runWriter: RunWriter | null = null

async function answer(request: LoadRequest): Promise<LoadReply> {
  if (request.kind === 'sort') {
    const { buffer, length, count, path, offset } = request
    runWriter ??= new RunWriter()
    const marks = runWriter.write(realFiles, path, offset, Buffer.from(buffer, 0, length), count)
    return { kind: 'sorted', marks }
  }
  runWriter = null
  const { path, directory, runs, from, before, memory } = request
  let number = 0
  const nextPath = () => join(directory, `${name}-${++number}`)
  return { kind: 'merged', tables: await mergeRuns(realFiles, { path, runs, from, before, memory, nextPath }) }
}

port.on('message', async (request: LoadRequest) => {
  try {
    port.postMessage(await answer(request))
  } catch (error) {
    rethrowAssertion(error)
    const { code, message } = error as { readonly code?: string; readonly message: string }
    port.postMessage({ kind: 'failed', code, message } satisfies LoadReply)
  }
})
