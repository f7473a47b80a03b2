/**
 * The configuration of a real Redis: the file that Debian installs, and the keys that the server
 * has.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findConfigName } from '../../../server/config/table.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'

const DEBIAN = '/etc/redis/redis.conf'
const directory = mkdtempSync(join(tmpdir(), 'haypile-redis-conf-'))
test.after(() => rmSync(directory, { recursive: true }))

if (haveTools('the configuration of Redis', 'redis-server')) {
  test('every configuration key of Redis exists here', async () => {
    const redis = await RedisServer.start()
    const client = await redis.connect()
    const names = ((await client.call('CONFIG', 'GET', '*')) as string[]).filter((_, index) => index % 2 === 0)
    await client.close()
    await redis.stop()
    assert.ok(names.length > 150)
    assert.equal(
      names.filter((name) => findConfigName(name) === undefined),
      [],
    )
  })

  test("a server starts on Debian's redis.conf and warns about ignored keys", async () => {
    if (!existsSync(DEBIAN)) return console.log(`SKIPPED the file of Debian: ${DEBIAN} is not there or cannot be read`)
    const path = join(directory, 'redis.conf')
    const data = join(directory, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'dump.rdb'), 'REDIS0010')
    const moved = readFileSync(DEBIAN, 'latin1')
      .replaceAll('/var/log/redis/', `${directory}/log/`)
      .replaceAll(/(?:\/var)?\/run\/redis\//g, `${directory}/`)
      .replaceAll('/var/lib/redis', data)
    writeFileSync(path, moved, 'latin1')
    const server = await RunningServer.start({ words: [path, '--supervised', 'systemd'], directory: data })
    assert.is(await server.call('SET', 'a', '1'), 'OK')
    const log = readFileSync(join(directory, 'log', 'redis-server.log'), 'utf8')
    for (const warning of [
      'daemonize has no effect',
      'supervised has no effect',
      'holds Redis data, which the server does not read; `haypile import ',
    ])
      assert.ok(log.includes(warning), `${warning}:\n${log}`)
    assert.is(Number(readFileSync(join(directory, 'redis-server.pid'), 'utf8')), server.pid)
    await server.stop()
  })
}

test.run()
