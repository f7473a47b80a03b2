/** The configuration that replication receives, by default and after CONFIG SET. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultReplicationSettings } from '../../../replication/protocol/settings.ts'
import { Config } from '../../../server/config/config.ts'
import { replicationSettings } from '../../../server/config/settings.ts'
import { findConfigName } from '../../../server/config/table.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'

const machine = { memoryBytes: 8 * 2 ** 30 }

function loaded(text: string) {
  const files = new MemoryFiles({ directories: ['/etc'] })
  const file = files.openSync('/etc/haypile.conf', 'create')
  file.writeSync([Buffer.from(text, 'latin1')], 0)
  file.closeSync()
  const config = new Config({ files, machine })
  config.loadFile('/etc/haypile.conf')
  const written = () => {
    const read = files.openSync('/etc/haypile.conf', 'read')
    const content = read.readSync(0, read.sizeSync()).latin1Slice()
    read.closeSync()
    return content
  }
  return { config, written }
}

const shown = (config: Config, name: string) => config.match([name])[0]?.[1]

test('the default replication settings are those of the table', () => {
  assert.equal(replicationSettings(new Config({ machine })), defaultReplicationSettings())
})

test('replication settings follow CONFIG SET, in milliseconds and bytes', () => {
  const config = new Config({ machine })
  const settings = replicationSettings(config)
  config.set([
    ['repl-timeout', '5'],
    ['repl-ping-slave-period', '2'],
    ['replica-lag-limit', '64mb'],
    ['replica-forget-after', '7'],
    ['throttle-bytes-per-second', '1000'],
    ['min-slaves-to-write', '2'],
    ['min-slaves-max-lag', '3'],
    ['slave-announce-ip', '10.0.0.9'],
    ['slave-announce-port', '7000'],
    ['masteruser', 'repl'],
    ['masterauth', 'secret'],
    ['repl-diskless-sync', 'no'],
    ['rdbcompression', 'no'],
    ['psync-compatibility', 'refuse'],
  ])
  assert.equal(settings, {
    timeoutMs: 5000,
    pingPeriodMs: 2000,
    lagLimitBytes: 64 * 2 ** 20,
    forgetAfterMs: 7000,
    fullSyncBytesPerSecond: 1000,
    minReplicas: 2,
    minReplicasMaxLagMs: 3000,
    announceIp: '10.0.0.9',
    announcePort: 7000,
    masterUser: 'repl',
    masterPassword: 'secret',
    isDisklessSync: false,
    mustCompressRdb: false,
    psyncCompatibility: 'refuse',
  })
})

test('without a lag limit no good replica is required, as in Redis', () => {
  const config = new Config({ machine })
  const settings = replicationSettings(config)
  config.set([
    ['min-replicas-to-write', '2'],
    ['min-replicas-max-lag', '0'],
  ])
  assert.is(settings.minReplicas, 0)
  config.set([['min-replicas-max-lag', '10']])
  assert.is(settings.minReplicas, 2)
})

test('a change refused by another key leaves the replication settings as they were', () => {
  const config = new Config({ machine })
  const settings = replicationSettings(config)
  config.onChange('timeout', () => {
    throw new Error('no')
  })
  assert.throws(() =>
    config.set([
      ['repl-timeout', '5'],
      ['timeout', '1'],
    ]),
  )
  assert.is(settings.timeoutMs, 60_000)
})

test("a file names the master in Redis's or Pika's form, and it is shown as host and port", () => {
  for (const text of ['replicaof 10.0.0.1 6380', 'slaveof 10.0.0.1 6380', 'slaveof : 10.0.0.1:6380', 'SLAVEOF 10.0.0.1 6380']) {
    const { config } = loaded(text)
    assert.is(shown(config, 'replicaof'), '10.0.0.1 6380', text)
    assert.is(shown(config, 'slaveof'), '10.0.0.1 6380')
    assert.equal(config.list('replicaof'), ['10.0.0.1', '6380'])
  }
  assert.equal(loaded('slaveof :').config.list('replicaof'), [])
  assert.throws(() => loaded('replicaof 10.0.0.1 65536'), /:1: .*Invalid master port/)
  assert.throws(() => loaded('replicaof 10.0.0.1'), /wrong number of arguments/)
})

test('CONFIG SET cannot change the master; the server can, and CONFIG REWRITE writes its choice', () => {
  const { config, written } = loaded('# mine\nslaveof 10.0.0.1 6380\n')
  const told: unknown[] = []
  config.onChange('replicaof', (value) => told.push(value))
  assert.throws(() => config.set([['replicaof', 'a 1']]), /can't set immutable config/)
  config.setByServer('replicaof', ['10.0.0.2', '6381'])
  config.setByServer('replicaof', ['10.0.0.2', '6381'])
  config.rewrite()
  assert.is(written(), '# mine\nreplicaof 10.0.0.2 6381\n')
  config.setByServer('replicaof', [])
  assert.is(shown(config, 'replicaof'), '')
  config.rewrite()
  assert.is(written(), '# mine\nreplicaof ""\n')
  assert.equal(told, [['10.0.0.2', '6381'], []])
})

test('a replica stays read-only', () => {
  const config = new Config({ machine })
  assert.throws(() => config.set([['slave-read-only', 'no']]), /another binlog than its master/)
  config.set([['replica-read-only', 'YES']])
  assert.is(shown(config, 'replica-read-only'), 'yes')
})

test('the password of the master is a secret', () => {
  assert.is(findConfigName('masterauth')?.key.secret, true)
})

test.run()
