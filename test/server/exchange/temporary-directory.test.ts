/** An import that a signal ends leaves no temporary directory. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/servers/running-server.ts'

const MAIN = fileURLToPath(new URL('../../../program/main.js', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'haypile-temporary-'))
test.after(() => rmSync(scratch, { recursive: true }))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} ends an import that selects keys of a log, and removes its directory`, async () => {
    const words = ['import', '-', '--dir', join(scratch, 'data'), '--match', 'a*']
    const child = spawn(process.execPath, [MAIN, ...words], {
      env: { ...process.env, TMPDIR: scratch },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const ended = once(child, 'exit')
    child.stdin.write('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n')
    const begun = () => readdirSync(scratch).filter((name) => name.startsWith('haypile-import-'))
    await until('the database to be open', () => begun().some((name) => readdirSync(join(scratch, name)).includes('CURRENT')))
    child.kill(signal)
    assert.equal(await ended, [null, signal])
    assert.equal(begun(), [])
  })
}

test.run()
