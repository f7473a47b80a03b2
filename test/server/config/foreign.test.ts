/** Configuration files that were written for Redis or Pika. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import { Config } from '../../../server/config/config.ts'
import { parseConfigText } from '../../../server/config/file.ts'
import { configKeys, findConfigName } from '../../../server/config/table.ts'
import { logIneffective } from '../../../server/config/warnings.ts'
import { PIKA_COMMENTED, PIKA_SET } from '../../support/tidy/pika-configuration.ts'

/** Returns the configuration of a file with these lines, and the warnings at the start. */
function started(...lines: readonly string[]) {
  const config = new Config({ machine: { memoryBytes: 8 * 2 ** 30 } })
  config.loadAll(
    undefined,
    parseConfigText([...lines, 'dir /nowhere'].join('\n'), 'x.conf', () => []),
  )
  const warnings: string[] = []
  logIneffective(config, { ...silentLog, warn: (_, text) => warnings.push(text) })
  const shown = (name: string) => config.match([name])[0]?.[1]
  return { shown, warnings }
}

test('keys without meaning here are accepted and shown with a warning', () => {
  const { shown, warnings } = started('daemonize yes', 'supervised systemd', 'syslog-enabled yes', 'maxmemory 100mb', 'hz 20')
  assert.equal(['daemonize', 'supervised', 'syslog-enabled', 'maxmemory', 'hz'].map(shown), ['yes', 'systemd', 'yes', '104857600', '20'])
  assert.equal(
    warnings.map((line) => line.split(':')[0]),
    ['maxmemory has no effect', 'daemonize has no effect', 'supervised has no effect', 'syslog-enabled has no effect'],
  )
})

test('such keys at values that ask for nothing cause no warning', () => {
  assert.equal(started('daemonize no', 'supervised NO', 'syslog-enabled no', 'maxmemory 0').warnings, [])
  assert.equal(started().warnings, [])
})

test('keys that promise a missing feature are refused with a reason', () => {
  const refused: [line: string, why: RegExp][] = [
    ['rename-command CONFIG ""', /users \(ACL\)/],
    ['rename-command : FLUSHDB 360flushdb', /users \(ACL\)/],
    ['loadmodule /usr/lib/x.so a b', /no modules/],
    ['slotmigrate : yes', /no slots/],
    ['write-binlog : no', /what recovery reads/],
    ['instance-mode : sharding', /no sharding/],
    ['replication-num : 1', /no quorum/],
    ['tls-protocols TLSv1.2', /Node's defaults/],
  ]
  for (const [line, why] of refused)
    assert.throws(
      () => started(line),
      (error: Error) => why.test(error.message),
    )
  for (const key of configKeys.filter(({ kind }) => kind.refuses !== undefined))
    assert.ok((key.kind.refuses as string).length > 10, key.name)
})

test("Pika's configuration file is accepted, including its commented keys", () => {
  const { shown, warnings } = started(...PIKA_SET)
  assert.equal(warnings, [])
  const mapped = [
    'port',
    'timeout',
    'databases',
    'maxclients',
    'replica-priority',
    'binlog-file-size',
    'dbsync-rate-limit',
    'level-write-buffer',
  ]
  assert.equal(mapped.map(shown), ['9221', '60', '1', '20000', '100', '104857600', '207200000', '256000000'])
  assert.equal(shown('binlog-retention-bytes'), String(10 * 64 * 2 ** 20))
  const commented = started(...PIKA_SET, ...PIKA_COMMENTED)
  assert.match(commented.warnings.join(), /^daemonize has no effect[^,]*$/)
  assert.equal([commented.shown('replicaof'), commented.shown('block-cache')], ['10.0.0.1 9221', '8388608'])
  for (const line of [...PIKA_SET, ...PIKA_COMMENTED]) assert.ok(findConfigName(line.split(' ')[0] as string), line)
})

test.run()
