/**
 * Faults of the disk and kill -9 at each stage of an import: reading the file, writing sorted runs,
 * merging them into tables, installing the tables. strace makes one system call on one file fail,
 * or kills the process there. What is left holds no key, and the next import succeeds.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RdbItem } from '../../rdb/values.ts'
import { writeRdb } from '../../rdb/writer.ts'
import { checkClean, importFile } from '../support/servers/imports.ts'

const MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url))
/** The file has 19 MB: two runs, and tables of two threads. */
const KEYS = 60_000
const VALUE = 'v'.repeat(300)

interface Stage {
  readonly name: string
  readonly call: 'read' | 'pread64' | 'pwrite64' | 'fdatasync' | 'rename'
  /** A file below the data set that is filled; null for the file that is imported. */
  readonly file: string | null
  readonly error: 'EIO' | 'ENOSPC'
  /** The call of a thread that fails, from 1 on. */
  readonly when: number
}

const STAGES: readonly Stage[] = [
  { name: 'reading the file', call: 'read', file: null, error: 'EIO', when: 3 },
  { name: 'writing the first run', call: 'pwrite64', file: 'load/runs', error: 'ENOSPC', when: 2 },
  { name: 'reading a run', call: 'pread64', file: 'load/runs', error: 'EIO', when: 5 },
  { name: 'writing a table', call: 'pwrite64', file: 'load/table-0-1', error: 'ENOSPC', when: 2 },
  { name: 'syncing a table', call: 'fdatasync', file: 'load/table-1-1', error: 'EIO', when: 1 },
  { name: 'moving a table', call: 'rename', file: 'load/table-0-2', error: 'ENOSPC', when: 1 },
  { name: 'naming the tables', call: 'pwrite64', file: 'MANIFEST-000002', error: 'ENOSPC', when: 1 },
]

function* items(): Generator<RdbItem> {
  for (let i = 0; i < KEYS; i++) {
    yield { kind: 'key', key: `key:${i}`, expireAtMs: null, value: { type: 'string', sizeBytes: VALUE.length, pieces: [VALUE] } }
  }
}

let scratch = ''
let path = ''
test.before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'haypile-import-faults-'))
  path = join(scratch, 'dump.rdb')
  const chunks: Buffer[] = []
  for await (const chunk of writeRdb(items(), { mayCompress: false })) chunks.push(chunk)
  writeFileSync(path, Buffer.concat(chunks))
})
test.after(() => rmSync(scratch, { recursive: true }))

interface Ending {
  readonly status: number | null
  readonly signal: string | null
  readonly error: string
}

/** Imports under strace, which makes a call of a stage fail or kills the process at it. */
function importWith({ call, file, error, when }: Stage, fault: 'error' | 'kill', directory: string): Promise<Ending> {
  const target = file === null ? path : join(directory, 'generation-000002', 'db', file)
  const inject = `inject=${call}:${fault === 'error' ? `error=${error}` : 'signal=KILL'}:when=${when}`
  // With seccomp-bpf strace misses the moment at which a signal is due.
  const fast = fault === 'error' ? ['--seccomp-bpf'] : []
  const strace = ['-f', ...fast, '-o', '/dev/null', '-P', target, '-e', `trace=${call}`, '-e', inject]
  const child = spawn('strace', [...strace, process.execPath, MAIN, 'import', path, '--dir', directory])
  let text = ''
  child.stdout.resume()
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, error: text })))
}

test('an error of the disk at any stage is reported, and leaves nothing', async () => {
  for (const stage of STAGES) {
    const directory = join(scratch, 'missing')
    const { status, error } = await importWith(stage, 'error', directory)
    assert.is(status, 1, `${stage.name}: ${error}`)
    assert.match(error, new RegExp(`^haypile: .*${stage.error}.*; nothing was imported\n$`), stage.name)
    assert.not.ok(existsSync(directory), stage.name)
  }
})

test('kill -9 at any stage leaves a directory without keys, which takes the next import', async () => {
  const directory = join(scratch, 'data')
  for (const stage of STAGES) {
    const { signal, error } = await importWith(stage, 'kill', directory)
    assert.is(signal, 'SIGKILL', `${stage.name}: ${error}`)
    assert.ok(existsSync(join(directory, 'generation-000002')), stage.name)
    assert.is(readFileSync(join(directory, 'CURRENT'), 'latin1').trim(), 'generation-000001', stage.name)
  }
  await checkClean(directory)
  const { status, out, error } = await importFile(path, directory)
  assert.is(status, 0, error)
  assert.match(out, new RegExp(`: ${KEYS} keys,`))
  await checkClean(directory)
})

test.run()
