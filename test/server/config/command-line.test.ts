/** Flags of the command line become configuration keys. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCommandLine } from '../../../server/command-line.ts'
import type { Config } from '../../../server/config/config.ts'

async function run(...words: string[]) {
  let config: Config | undefined
  let checked = ''
  let imported: object | undefined
  let out = ''
  let error = ''
  const exitCode = await runCommandLine(words, {
    version: '1.2.3',
    start: async (given) => {
      config = given
    },
    check: async (directory) => {
      checked = directory
      return 3
    },
    import: async (source, options) => {
      imported = { source, ...options }
      return 4
    },
    export: async (file, options) => {
      imported = { file, ...options }
      return 5
    },
    coordinator: async (place) => {
      imported = place
      return 6
    },
    cluster: async (place, request, output) => {
      imported = { ...place, request, output }
      return 7
    },
    localCluster: async (words) => {
      imported = words
      return 8
    },
    output: {
      out(text) {
        out += text
      },
      error(text) {
        error += text
      },
    },
  })
  return { exitCode, config, checked, imported, out, error, shown: (name: string) => config?.match([name])[0]?.[1] }
}

test("flags set keys, and the next word is a flag's value whatever it looks like", async () => {
  const { exitCode, shown } = await run(
    '--port', '6380', '--appendfsync', 'always', '--slowlog-log-slower-than', '-1',
    '--proc-title-template', '--my--title', '--bind', '127.0.0.1', '::1', '--no-appendfsync-on-rewrite', 'yes',
  ) // biome-ignore format: flags and values side by side
  assert.is(exitCode, 0)
  assert.is(shown('port'), '6380')
  assert.is(shown('appendfsync'), 'always')
  assert.is(shown('slowlog-log-slower-than'), '-1')
  assert.is(shown('proc-title-template'), '--my--title')
  assert.is(shown('bind'), '127.0.0.1 ::1')
  assert.is(shown('no-appendfsync-on-rewrite'), 'yes')
})

test('flag names ignore case, and a word with a single dash is a value', async () => {
  const { exitCode, shown, error } = await run('--Port', '6380', '--bind', '127.0.0.1', '-::1', '--MaxClients=50', '--SLOWLOG-max-len 7')
  assert.is(exitCode, 0, error)
  assert.is(shown('port'), '6380')
  assert.is(shown('bind'), '127.0.0.1 -::1')
  assert.is(shown('maxclients'), '50')
  assert.is(shown('slowlog-max-len'), '7')
  assert.is((await run('--BIND', '-::1', '* -::*')).shown('bind'), '-::1 * -::*')
  assert.is((await run('--bind=-::1')).shown('bind'), '-::1')
  const title = await run('--proc-title-template', '--My--Title', '--bind', '-::1', '--port', '1')
  assert.is(title.shown('proc-title-template'), '--My--Title')
  assert.is(title.shown('port'), '1')
})

test('a repeated flag acts like repeated lines of a file, in order', async () => {
  assert.is((await run('--port', '1', '--PORT', '2')).shown('port'), '2')
  assert.is((await run('--bind', '127.0.0.1', '--bind', '-::1')).shown('bind'), '-::1')
  assert.is((await run('--slaveof', 'a', '1', '--replicaof', 'b', '2')).shown('replicaof'), 'b 2')
  assert.is((await run('--replicaof', 'b', '2', '--slaveof', 'no', 'one')).shown('replicaof'), '')
  assert.is((await run('--save', '900', '1', '--save', '60', '10')).shown('save'), '900 1 60 10')
  const limits = ['--client-output-buffer-limit', 'normal', '1', '1', '1', '--client-output-buffer-limit', 'pubsub', '2', '2', '2']
  assert.match((await run(...limits)).shown('client-output-buffer-limit') ?? '', /^normal 1 1 1 slave \d+ \d+ \d+ pubsub 2 2 2$/)
})

test('flags override the file, and save may be empty', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-flags-'))
  try {
    const path = join(directory, 'haypile.conf')
    writeFileSync(path, 'port 1\ntimeout 5\nsave 900 1\n')
    const { shown } = await run(path, '--port', '2', '--save', '--loglevel', 'verbose')
    assert.is(shown('port'), '2')
    assert.is(shown('timeout'), '5')
    assert.is(shown('save'), '')
    assert.is(shown('loglevel'), 'verbose')
    assert.is((await run('--save', '', '--port', '3')).shown('save'), '')
    assert.is((await run('--slave-serve-stale-data', 'no')).shown('replica-serve-stale-data'), 'no')
    assert.is((await run('--replicaof', '10.0.0.1', '6380')).shown('slaveof'), '10.0.0.1 6380')
    assert.is((await run('--maxmemory 700mb', "--requirepass 'a b'")).shown('maxmemory'), '734003200')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('-p is --port', async () => {
  assert.is((await run('-p', '6380')).shown('port'), '6380')
  const beside = await run('--bind', '127.0.0.1', '-::1', '-p', '6380', '--timeout', '5')
  assert.is(beside.error, '')
  assert.equal(['bind', 'port', 'timeout'].map(beside.shown), ['127.0.0.1 -::1', '6380', '5'])
  const wrong = await run('-p')
  assert.equal([wrong.exitCode, wrong.error], [2, 'haypile: --port: a value is missing\n'])
})

test('an invalid command line exits with status 2 and one line that names the mistake', async () => {
  const told: [words: string, error: RegExp][] = [
    ['--prot 1', /^haypile: unknown option '--prot', did you mean '--port'\?\n$/],
    ['--prot=1', /^haypile: unknown option '--prot', did you mean '--port'\?\n$/],
    ['-q', /^haypile: unknown option '-q'\n$/],
    ['--port', /^haypile: --port: a value is missing\n$/],
    ['--port x', /^haypile: --port "x": argument couldn't be parsed into an integer\n$/],
    ['/nowhere/haypile.conf', /^haypile: cannot read the configuration file \/nowhere\/haypile.conf: ENOENT.*\n$/],
    ['a.conf b.conf', /^haypile: too many arguments.*\n$/],
    ['help nonsense', /^haypile: there is no help on 'nonsense': .*\n$/],
    ['check', /^haypile: missing required argument 'directory'\n$/],
    ['check a b', /^haypile: too many arguments.*\n$/],
    ['check a --cat', /^haypile: unknown option '--cat'\n$/],
    ['import a', /^haypile: import needs --dir DIR or --to URL\n$/],
    ['import a --dir b --db x', /^haypile: option '--db <index>' argument 'x' is invalid\. not a whole number\.\n$/],
    ['check a --port 1', /^haypile: unknown option '--port'\n$/],
    ['check a --cut --new-identity', /^haypile: option '--cut' cannot be used with option '--new-identity'\n$/],
    ['--port 1 check a', /^haypile: check takes no configuration keys, and precedes its directory\n$/],
  ]
  for (const [words, error] of told) {
    const ended = await run(...words.split(' '))
    assert.is(ended.exitCode, 2, words)
    assert.match(ended.error, error)
    assert.equal([ended.config, ended.checked, ended.out], [undefined, '', ''])
  }
})

test('all mistakes in the file and the flags are reported at once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-flags-'))
  try {
    const path = join(directory, 'haypile.conf')
    writeFileSync(path, 'port x\n\nprot 1\n')
    const { exitCode, error, config } = await run(path, '--tiemout', '5', '--hz', 'fast', '--requirepass', '--dir')
    assert.is(exitCode, 2)
    assert.is(config, undefined)
    assert.equal(error.split('\n'), [
      `haypile: ${path}:1: port "x": argument couldn't be parsed into an integer`,
      `haypile: ${path}:3: unknown configuration key 'prot', did you mean 'port'?`,
      "haypile: unknown option '--tiemout', did you mean '--timeout'?",
      `haypile: --hz "fast": argument couldn't be parsed into an integer`,
      '',
    ])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('the check command runs the checker on its directory and returns its status', async () => {
  const { checked, exitCode, config } = await run('check', './data')
  assert.is(checked, './data')
  assert.is(exitCode, 3)
  assert.is(config, undefined)
})

test('help fits a screen and points to the full help', async () => {
  for (const words of [['--help'], ['-h'], ['help'], ['--port', '1', '--help']]) {
    const { out, exitCode, config } = await run(...words)
    assert.is(exitCode, 0)
    assert.is(config, undefined)
    assert.match(out, /^Usage: haypile \[file\] \[--name value \.\.\.\]/)
    assert.match(out, /^ {4}--port <integer 0 to 65535>$/m)
    assert.match(out, /haypile help all/)
    assert.ok(out.split('\n').length <= 40, `${out.split('\n').length} lines`)
    assert.not.match(out, /slowlog-max-len/)
  }
})

test('help all lists every key with its unit, default and range', async () => {
  const { out, exitCode, config } = await run('--help', 'all')
  assert.is(exitCode, 0)
  assert.is(config, undefined)
  assert.match(out, /^ {4}--port <integer 0 to 65535>$/m)
  assert.match(out, /^ {2}\* --timeout <integer 0 to 2147483647, seconds>$/m)
  assert.match(out, /\[64mb\]/)
  assert.match(out, /^ {2}\* --appendfsync <everysec, always, no>$/m)
  assert.match(out, /without effect:[\s\S]*maxmemory/)
  for (const line of out.split('\n')) assert.ok(line.length <= 140, line)
  assert.is((await run('help', 'all')).out, out)
})

test('help check is the help of check', async () => {
  const { out, exitCode } = await run('help', 'check')
  assert.is(exitCode, 0)
  assert.match(out, /^Usage: haypile check DIR \[--cut \| --new-identity\]$/m)
  assert.match(out, /--new-identity/)
  assert.is((await run('check', '--help')).out, out)
})

test('import takes its source, its directory and the selection of keys', async () => {
  const { exitCode, imported, config } = await run('import', 'dump.rdb', '--dir', 'd', '--match', 'a*', '--db', '3', '--json')
  assert.is(exitCode, 4)
  assert.is(config, undefined)
  const selection = { pattern: 'a*', database: 3 }
  const flags = { mustReplace: false, isDryRun: false, isJson: true }
  const tls = { cacert: undefined, cert: undefined, key: undefined }
  assert.equal(imported, { source: 'dump.rdb', target: { directory: 'd' }, selection, databases: undefined, tls, ...flags })
  const all = { pattern: undefined, database: undefined }
  const files = { cacert: 'c', cert: 'd', key: 'e' }
  const wanted = { source: 'a', target: { server: 'rediss://h' }, selection: all, databases: undefined, tls: files }
  const words = ['--cacert', 'c', '--cert', 'd', '--key', 'e']
  const into = await run('import', 'a', '--to', 'rediss://h', '--replace', '--dry-run', ...words)
  assert.equal(into.imported, { ...wanted, mustReplace: true, isDryRun: true, isJson: false })
  assert.is((await run('import', 'a', '--to', 'redis://h', '--dir', 'd')).exitCode, 2)
  assert.match((await run('help', 'import')).out, /^Usage: haypile import SOURCE \(--dir DIR \| --to URL\)/m)
})

test('export takes its file, its directory, a format and a version', async () => {
  const { exitCode, imported } = await run('export', 'a', '--dir', 'd', '--format', 'rdb', '--rdb-version', '12')
  assert.is(exitCode, 5)
  const selection = { pattern: undefined, database: undefined }
  assert.equal(imported, {
    file: 'a',
    source: { directory: 'd' },
    selection,
    databases: undefined,
    format: 'rdb',
    rdbVersion: 12,
    tls: { cacert: undefined, cert: undefined, key: undefined },
    isJson: false,
  })
  const { imported: secure } = await run('export', 'a', '--from', 'rediss://h', '--cacert', 'c', '--cert', 'd', '--key', 'e')
  assert.equal(secure && 'tls' in secure && secure.tls, { cacert: 'c', cert: 'd', key: 'e' })
  assert.is((await run('export', 'a', '--dir', 'd', '--rdb-version', '9')).exitCode, 2)
  assert.match((await run('help', 'export')).out, /^Usage: haypile export FILE \(--dir DIR \| --from URL\)/m)
})

test('version prints the version', async () => {
  assert.is((await run('--version')).out, 'haypile 1.2.3\n')
})

test('a coordinator and the actions of a cluster take the place of the cluster', async () => {
  const coordinator = await run('coordinator', '--etcd', 'http://a:1', '--cluster', 'shop')
  assert.equal([coordinator.exitCode, coordinator.imported], [6, { etcd: 'http://a:1', cluster: 'shop' }])
  const created = await run('cluster', 'create', 'a:1', 'b:2', '--replicas', '0', '--etcd', 'http://a:1', '--json')
  const request = { action: 'create', nodes: ['a:1', 'b:2'], replicas: 0 }
  assert.equal([created.exitCode, created.imported], [7, { etcd: 'http://a:1', cluster: 'haypile', request, output: 'json' }])
  const added = await run('cluster', 'add-replica', 'b:2', 'a:1', '--etcd', 'http://a:1')
  assert.equal((added.imported as { request: object }).request, { action: 'add-replica', node: 'b:2', of: 'a:1' })
  const local = await run('cluster', 'start', '--shards', '4', '--port', '8000')
  assert.equal([local.exitCode, local.imported], [8, { shards: 4, replicas: 0, dir: './data', port: 8000, cluster: 'haypile' }])
  for (const words of [
    ['cluster', 'start', '--port', '70000'],
    ['coordinator'],
    ['cluster'],
    ['cluster', 'status'],
    ['cluster', 'status', '--etcd', 'http://a:1', '--cluster', 'a/b'],
    ['cluster', 'create', '--etcd', 'http://a:1'],
    ['cluster', 'grow', '--etcd', 'http://a:1'],
  ])
    assert.is((await run(...words)).exitCode, 2, words.join(' '))
})

test.run()
