/** The configuration: defaults, typed access, CONFIG SET and its listeners. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../../server/config/config.ts'
import { ConfigRefused } from '../../../server/config/kinds.ts'
import { configKeys, nearestConfigName } from '../../../server/config/table.ts'

const machine = { memoryBytes: 8 * 2 ** 30 }

const made = (...pairs: [string, string][]) => {
  const config = new Config({ machine })
  config.load(pairs)
  return config
}

const shown = (config: Config, ...patterns: string[]) => Object.fromEntries(config.match(patterns))

function failure(act: () => void): string {
  try {
    act()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

const failed = (name: string, why: string) => `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`

test('defaults come from the table, and the cache is a quarter of the memory', () => {
  const config = made()
  assert.is(config.number('port'), 6379)
  assert.is(config.number('cache-memory'), 2 * 2 ** 30)
  assert.is(config.text('appendfsync'), 'everysec')
  assert.is(config.flag('protected-mode'), true)
  assert.equal(config.list('bind'), ['*', '-::*'])
  assert.equal(config.bufferLimits().replica, { hard: 2 ** 28, soft: 2 ** 26, softSeconds: 60 })
  assert.ok(config.path('dir').endsWith('data'))
  assert.is(new Config({ machine: { memoryBytes: 1024 } }).number('cache-memory'), 16 * 2 ** 20)
})

test('a getter of the wrong type or of an unknown key neither compiles nor runs', () => {
  const config = made()
  // @ts-expect-error dir is text
  assert.throws(() => config.number('dir'), /not a number/)
  // @ts-expect-error port is a number
  assert.throws(() => config.flag('port'), /not a flag/)
  // @ts-expect-error a slip of the pen
  assert.throws(() => config.text('prot'), /no configuration key/)
  // @ts-expect-error a slip of the pen
  assert.throws(() => config.number('maxclinets'), /no configuration key/)
  // @ts-expect-error a key of Pika's table that is text
  assert.throws(() => config.number('compression'), /not a number/)
  // @ts-expect-error a slip of the pen
  assert.throws(() => config.onChange('hash-max-listpack-entires', () => {}), /no configuration key/)
})

test('the compiler knows the type of each value', () => {
  const config = made()
  const policy: 'everysec' | 'always' | 'no' = config.text('appendfsync')
  const master: readonly string[] = config.list('replicaof')
  const percents: readonly number[] = config.list('latency-tracking-info-percentiles')
  assert.equal([policy, master, percents], ['everysec', [], [50, 99, 99.9]])
  // @ts-expect-error not a policy
  assert.not(config.text('appendfsync') === 'evrysec')
  // @ts-expect-error addresses are text
  assert.not(config.list('bind').includes(1))
  config.observe('tcp-keepalive', (seconds: number) => assert.is(seconds, 300))
  // @ts-expect-error a number of seconds, not text
  config.observe('tcp-keepalive', (seconds: string) => assert.equal(seconds, 300))
})

test('settings follow the keys they read, including one they read only later', () => {
  const config = made()
  const seen: number[] = []
  config.followReads(() => {
    seen.push(config.number('min-replicas-max-lag') === 0 ? -1 : config.number('min-replicas-to-write'))
  })
  const set = (name: string, value: number) => config.set([[name, String(value)]])
  set('timeout', 5)
  set('min-replicas-to-write', 2)
  set('min-replicas-max-lag', 0)
  set('min-replicas-to-write', 3)
  set('min-replicas-max-lag', 10)
  assert.equal(seen, [0, 2, -1, -1, 3])
  assert.is(config.number('tcp-keepalive'), 300)
  set('tcp-keepalive', 5)
  assert.is(seen.length, 5, 'a key that others read is not followed')
})

test('settings that begin without reading a key follow it once they read it', () => {
  const config = made()
  config.set([['min-replicas-max-lag', '0']])
  const seen: number[] = []
  config.followReads(() => {
    seen.push(config.number('min-replicas-max-lag') === 0 ? -1 : config.number('min-replicas-to-write'))
  })
  const set = (name: string, value: number) => config.set([[name, String(value)]])
  set('min-replicas-to-write', 2)
  set('min-replicas-max-lag', 10)
  set('min-replicas-to-write', 3)
  assert.equal(seen, [-1, 2, 3])
})

test('every key accepts the value that it shows', () => {
  const config = made()
  for (const [name, value] of config.match(['*'])) {
    const before = shown(config, name)
    const key = configKeys.find((one) => one.name === name || one.aliases?.includes(name))
    if (key?.changes !== 'at-start') config.set([[name, value]])
    else config.load([[name, value]])
    assert.equal(shown(config, name), before, name)
  }
})

/** The keys of Redis 7.0 that it does not change while it runs, of those that CONFIG GET shows. */
const IMMUTABLE_IN_REDIS = [
  'aclfile always-show-logo aof_rewrite_cpulist appenddirname appendfilename bgsave_cpulist bio_cpulist cluster-config-file',
  'cluster-enabled cluster-port daemonize databases dir disable-thp enable-debug-command enable-module-command',
  'enable-protected-configs io-threads io-threads-do-reads logfile pidfile rdbchecksum replicaof server_cpulist set-proc-title',
  'slaveof socket-mark-id supervised syslog-enabled syslog-facility syslog-ident tcp-backlog unixsocket unixsocketperm',
].flatMap((line) => line.split(' '))
/** Keys that Redis does not have, and that say which cluster a node belongs to. */
const MEMBERSHIP = ['cluster-etcd', 'cluster-lease-ms', 'cluster-name']

test('CONFIG SET takes the value in force of every key, except those that are immutable in Redis or tie the node to a cluster', () => {
  const config = made()
  config.load([
    ['port', '7000'],
    ['bind', ['127.0.0.1', '::1']],
    ['tls-cert-file', 'server.pem'],
  ])
  const before = config.match(['*'])
  const refused = before.filter((pair) => failure(() => config.set([pair])) !== 'no error').map(([name]) => name)
  assert.equal(refused.sort(), [...IMMUTABLE_IN_REDIS, ...MEMBERSHIP].sort())
  assert.equal(config.match(['*']), before)
})

test('patterns match names and aliases in any case, each once, and hidden keys by full name only', () => {
  const config = made()
  assert.equal(shown(config, 'PORT', 'p?rt', 'Po*rt'), { port: '6379' })
  assert.equal(shown(config, 'slave-read-only'), { 'slave-read-only': 'yes' })
  assert.equal(Object.keys(shown(config, '*-read-only')).sort(), ['replica-read-only', 'slave-read-only'])
  assert.equal(shown(config, 'nothing*', 'unknown'), {})
  assert.not.ok('key-load-delay' in shown(config, '*'))
  assert.equal(shown(config, 'key-load-delay'), { 'key-load-delay': '0' })
  assert.is(shown(config, '*')['client-output-buffer-limit'], 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60')
})

test("Pika's names take Pika's units", () => {
  const config = made(['expire-logs-days', '3'], ['expire-logs-nums', '20'], ['db-path', '/srv/pika'])
  assert.is(config.number('binlog-retention-seconds'), 3 * 86400)
  assert.is(config.number('binlog-retention-bytes'), 20 * 64 * 2 ** 20)
  assert.is(config.text('dir'), '/srv/pika')
  assert.equal(shown(config, 'expire-logs-days'), { 'expire-logs-days': '3' })
  assert.not.ok('expire-logs-days' in shown(config, '*'))
})

test('CONFIG SET sets several keys at once', () => {
  const config = made()
  config.set([
    ['MAXCLIENTS', '5'],
    ['slave-serve-stale-data', 'no'],
    ['client-output-buffer-limit', 'slave 1 2 3'],
    ['save', '5 6'],
  ])
  assert.is(config.number('maxclients'), 5)
  assert.is(config.flag('replica-serve-stale-data'), false)
  assert.is(
    shown(config, 'client-output-buffer-limit')['client-output-buffer-limit'],
    'normal 0 0 0 slave 1 2 3 pubsub 33554432 8388608 60',
  )
  config.set([['save', '7 8']])
  assert.equal(shown(config, 'save'), { save: '7 8' })
})

test("CONFIG SET refuses with Redis's texts and changes nothing", () => {
  const config = made()
  const refusals: [pairs: [string, string][], text: string][] = [
    [[['a', 'b']], "ERR Unknown option or number of arguments for CONFIG SET - 'a'"],
    [
      [
        ['timeout', '1'],
        ['unknown', 'v'],
      ],
      "ERR Unknown option or number of arguments for CONFIG SET - 'unknown'",
    ],
    [
      [
        ['timeout', '1'],
        ['timeout', '2'],
      ],
      failed('timeout', 'duplicate parameter'),
    ],
    [[['databases', '3']], failed('databases', "can't set immutable config")],
    [[['databases', '16']], failed('databases', "can't set immutable config")],
    [[['port', '6380']], failed('port', "can't set immutable config")],
    [[['port', '65536']], failed('port', 'argument must be between 0 and 65535 inclusive')],
    [[['bind', '127.0.0.1']], failed('bind', "can't set immutable config")],
    [
      [
        ['timeout', '1'],
        ['tls-cert-file', 'other.pem'],
      ],
      failed('tls-cert-file', "can't set immutable config"),
    ],
    [
      [
        ['daemonize', 'yes'],
        ['unknown', 'v'],
      ],
      failed('daemonize', "can't set immutable config"),
    ],
    [
      [
        ['timeout', '1'],
        ['maxmemory', '1x'],
      ],
      failed('maxmemory', 'argument must be a memory value'),
    ],
    [
      [
        ['timeout', '1'],
        ['maxclients', '0'],
      ],
      failed('maxclients', 'argument must be between 1 and 4294967295 inclusive'),
    ],
    [[['appendfsync', 'x']], failed('appendfsync', 'argument(s) must be one of the following: everysec, always, no')],
    [[['maxmemory-clients', '200%']], failed('maxmemory-clients', 'percentage argument must be less or equal to 100')],
    [[['list-max-ziplist-size', 'x']], failed('list-max-ziplist-size', "argument couldn't be parsed into an integer")],
    [[['timeout', '-1']], failed('timeout', 'argument must be between 0 and 2147483647 inclusive')],
  ]
  for (const [pairs, text] of refusals) {
    assert.is(
      failure(() => config.set(pairs)),
      text,
    )
    assert.is(config.number('timeout'), 0)
  }
})

test('a refusing listener undoes the whole change', () => {
  const config = made()
  const told: string[] = []
  config.observe('timeout', (seconds) => told.push(`timeout ${seconds}`))
  config.onChange('tcp-keepalive', (seconds) => {
    if (seconds === 13) throw new ConfigRefused('unlucky')
  })
  assert.is(
    failure(() =>
      config.set([
        ['timeout', '5'],
        ['tcp-keepalive', '13'],
        ['maxclients', '7'],
      ]),
    ),
    failed('tcp-keepalive', 'unlucky'),
  )
  assert.equal(shown(config, 'timeout', 'tcp-keepalive', 'maxclients'), { timeout: '0', 'tcp-keepalive': '300', maxclients: '10000' })
  assert.equal(told, ['timeout 0', 'timeout 5', 'timeout 0'])
  config.set([['timeout', '0']])
  assert.is(told.length, 3, 'the same value again is no change')
})

test('a listener sees all new values of a change', () => {
  const config = made()
  let seen = 0
  config.onChange('timeout', () => {
    seen = config.number('maxclients')
  })
  config.set([
    ['timeout', '5'],
    ['maxclients', '7'],
  ])
  assert.is(seen, 7)
})

test('settings that this server does not support are refused at start', () => {
  assert.match(
    failure(() => made(['replica-read-only', 'no'])),
    /another binlog than its master/,
  )
})

test('an unknown key is reported with the nearest known one', () => {
  assert.is(
    failure(() => made(['apendfsync', 'no'])),
    "unknown configuration key 'apendfsync', did you mean 'appendfsync'?",
  )
  assert.is(nearestConfigName('prot'), 'port')
  assert.is(nearestConfigName('slowlog-max-length'), 'slowlog-max-len')
  assert.is(nearestConfigName('zzzzzzzz'), undefined)
})

test.run()
