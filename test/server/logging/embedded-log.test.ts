/** An embedded server closes its log file: an application may start and stop many of them. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { start } from '../../../server/index.ts'
import { until } from '../../support/servers/running-server.ts'

const DESCRIPTORS = '/proc/self/fd'

/** Counts the descriptors of this process that are open on a file. */
function openCount(path: string): number {
  return readdirSync(DESCRIPTORS).filter((descriptor) => {
    try {
      return readlinkSync(join(DESCRIPTORS, descriptor)) === path
    } catch {
      return false // the descriptor of the listing itself
    }
  }).length
}

if (process.platform === 'linux')
  test('a server that stops or fails to start closes its log file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'haypile-log-'))
    const logfile = join(directory, 'log')
    const options = { port: 0, bind: '127.0.0.1', dir: join(directory, 'data'), logfile, loglevel: 'notice' }
    try {
      for (let round = 0; round < 3; round++) {
        const server = await start(options)
        assert.is(openCount(logfile), 1)
        await Promise.all([server.close(), server.close()])
        await server.close()
        await until('the log file is closed', () => openCount(logfile) === 0, 20_000)
      }
      assert.is(readFileSync(logfile, 'utf8').match(/haypile closed/g)?.length, 3)
      const server = await start({ ...options, logfile: '', loglevel: 'nothing' })
      const refusal = await start(options).catch((error: unknown) => error)
      assert.match(String(refusal), /in use/)
      await until('the log file is closed', () => openCount(logfile) === 0, 20_000)
      await server.close()
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

test.run()
