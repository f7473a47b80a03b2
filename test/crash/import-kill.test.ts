/** kill -9 in the middle of an import leaves a directory without keys, which takes the next one. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RdbItem } from '../../rdb/values.ts'
import { writeRdb } from '../../rdb/writer.ts'
import { checkClean, importFile } from '../support/servers/imports.ts'
import { RunningServer, until } from '../support/servers/running-server.ts'

const MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url))
const KEYS = 60_000
const VALUE = 'v'.repeat(300)

function* items(): Generator<RdbItem> {
  for (let i = 0; i < KEYS; i++) {
    yield { kind: 'key', key: `key:${i}`, expireAtMs: null, value: { type: 'string', sizeBytes: VALUE.length, pieces: [VALUE] } }
  }
}

/** Kills an import once the data set that it fills exists. */
async function killImport(path: string, directory: string): Promise<void> {
  const child = spawn(process.execPath, [MAIN, 'import', path, '--dir', directory], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))
  await until('the data set to be filled', () => existsSync(join(directory, 'generation-000002', 'db')))
  child.kill('SIGKILL')
  assert.is(await ended, 'SIGKILL')
}

test('a killed import leaves no key behind, for a server and for the next import', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'haypile-import-kill-'))
  try {
    const path = join(scratch, 'dump.rdb')
    const chunks: Buffer[] = []
    for await (const chunk of writeRdb(items(), { mayCompress: false })) chunks.push(chunk)
    writeFileSync(path, Buffer.concat(chunks))
    const directory = join(scratch, 'data')
    await killImport(path, directory)
    const server = await RunningServer.start({ directory })
    assert.is(await server.call('DBSIZE'), 0)
    assert.not.ok(existsSync(join(directory, 'generation-000002')))
    await server.stop()
    await killImport(path, directory)
    const { status, out, error } = await importFile(path, directory)
    assert.is(status, 0, error)
    assert.match(out, new RegExp(`: ${KEYS} keys,`))
    await checkClean(directory)
  } finally {
    rmSync(scratch, { recursive: true })
  }
})

test.run()
