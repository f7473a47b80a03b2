/** Configuration files: both syntaxes, includes, aliases and errors with their place. */
import { dirname } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../../server/config/config.ts'
import { parseConfigLine, parseConfigText } from '../../../server/config/file.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'

const machine = { memoryBytes: 8 * 2 ** 30 }

function filesOf(contents: Readonly<Record<string, string>>): MemoryFiles {
  const files = new MemoryFiles({ directories: ['/etc', ...Object.keys(contents).map((path) => dirname(path))] })
  for (const [path, text] of Object.entries(contents)) {
    const file = files.openSync(path, 'create')
    file.writeSync([Buffer.from(text, 'latin1')], 0)
    file.closeSync()
  }
  return files
}

function textIn(files: MemoryFiles, path: string): string {
  const file = files.openSync(path, 'read')
  try {
    return file.readSync(0, file.sizeSync()).latin1Slice()
  } finally {
    file.closeSync()
  }
}

function loaded(text: string, more: Readonly<Record<string, string>> = {}) {
  const files = filesOf({ '/etc/haypile.conf': text, ...more })
  const config = new Config({ files, machine })
  config.loadFile('/etc/haypile.conf')
  return { config, files, written: () => textIn(files, '/etc/haypile.conf') }
}

function failure(act: () => void): string {
  try {
    act()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

test("a line has Redis's syntax, or Pika's with a colon", () => {
  assert.equal(parseConfigLine('port 6380'), ['port', '6380'])
  assert.equal(parseConfigLine('  port\t6380  \r'), ['port', '6380'])
  assert.equal(parseConfigLine('requirepass "a \\"b\\" \\x41\\n"'), ['requirepass', 'a "b" A\n'])
  assert.equal(parseConfigLine("logfile ''"), ['logfile', ''])
  assert.equal(parseConfigLine('bind 127.0.0.1 -::1'), ['bind', '127.0.0.1', '-::1'])
  assert.equal(parseConfigLine('bind ::1'), ['bind', '::1'])
  assert.equal(parseConfigLine('port : 9221'), ['port', '9221'])
  assert.equal(parseConfigLine('port: 9221'), ['port', '9221'])
  assert.equal(parseConfigLine('db-path : ./my db/'), ['db-path', './my db/'])
  assert.equal(parseConfigLine('requirepass :'), ['requirepass', ''])
  assert.equal(parseConfigLine('# a comment'), [])
  assert.equal(parseConfigLine(' \t\r'), [])
  assert.is(parseConfigLine('requirepass "open'), null)
})

test('a file has comments, includes and both syntaxes, and the last line wins', () => {
  const { config } = loaded('# haypile\nport 1\n\nPORT 7000\ninclude more.conf\ntimeout : 9\n', {
    '/etc/more.conf': 'maxclients 77\ntimeout 5\n',
  })
  assert.is(config.number('port'), 7000)
  assert.is(config.number('maxclients'), 77)
  assert.is(config.number('timeout'), 9)
})

test('an alias and its key are the same setting, and the last one wins', () => {
  assert.equal(loaded('hash-max-listpack-entries 20\nhash-max-ziplist-entries 21\n').config.match(['hash-max-*-entries']), [
    ['hash-max-listpack-entries', '21'],
    ['hash-max-ziplist-entries', '21'],
  ])
})

test('save lines add up, and an empty one clears them', () => {
  const { config } = loaded('save 900 1\nsave 300 10\n')
  assert.equal(config.match(['save']), [['save', '900 1 300 10']])
  assert.equal(loaded('save 900 1\nsave ""\n').config.match(['save']), [['save', '']])
})

test('errors name the file, the line and the nearest key', () => {
  assert.is(
    failure(() => loaded('port 1\n\napendfsync no\n')),
    "/etc/haypile.conf:3: unknown configuration key 'apendfsync', did you mean 'appendfsync'?",
  )
  assert.is(
    failure(() => loaded('port abc')),
    `/etc/haypile.conf:1: port "abc": argument couldn't be parsed into an integer`,
  )
  assert.is(
    failure(() => loaded('port 6379 6380')),
    `/etc/haypile.conf:1: port "6379" "6380": wrong number of arguments`,
  )
  assert.is(
    failure(() => loaded('dir "x')),
    '/etc/haypile.conf:1: unbalanced quotes',
  )
  assert.match(
    failure(() => loaded('include /etc/none.conf')),
    /^\/etc\/haypile.conf:1: cannot read the configuration file \/etc\/none.conf: /,
  )
  assert.match(
    failure(() => loaded('include haypile.conf')),
    /include each other/,
  )
  assert.not.match(
    failure(() => loaded('requirepass secret word')),
    /secret/,
  )
})

test('every wrong line of a file and of its includes is reported at once', () => {
  const text = 'port x\ntimeout 5\nprot 1\ninclude conf.d/*.conf none.conf\ndir "open\ntimeout -1\nmaxclients 0\n'
  const problems = failure(() => loaded(text, { '/etc/conf.d/1.conf': '\nhz fast\n', '/etc/conf.d/2.conf': 'appendfsync : never\n' }))
  assert.equal(
    problems.split('\n').map((line) => line.split(': ')[0]),
    [
      '/etc/haypile.conf:1',
      '/etc/haypile.conf:3',
      '/etc/conf.d/1.conf:2',
      '/etc/conf.d/2.conf:1',
      '/etc/haypile.conf:4',
      '/etc/haypile.conf:5',
      '/etc/haypile.conf:6',
      '/etc/haypile.conf:7',
    ],
  )
})

test('the first fifty wrong lines are reported and the others counted', () => {
  const lines = failure(() => loaded('nonsense 1\n'.repeat(70))).split('\n')
  assert.is(lines.length, 51)
  assert.match(lines[49] as string, /^\/etc\/haypile.conf:50: /)
  assert.is(lines[50], 'and 20 more')
})

test('files that include each other cause one error', () => {
  const circle = failure(() =>
    loaded('include b.conf\ninclude b.conf\n', { '/etc/b.conf': 'include haypile.conf\ninclude haypile.conf\n' }),
  )
  assert.match(circle, /^\/etc\/\w+.conf: files include each other more than 16 deep$/)
})

test('an include pattern reads every match in order, and no match is no error', () => {
  const files = {
    '/etc/conf.d/10.conf': 'timeout 1\nport 1\n',
    '/etc/conf.d/9.conf': 'timeout 9\n',
    '/etc/conf.d/20.conf': 'timeout 2\nmaxclients 20\n',
    '/etc/conf.d/.hidden.conf': 'timeout 77\n',
    '/etc/conf.d/a.txt': 'timeout 78\n',
    '/etc/other/9.conf': 'timeout 79\n',
  }
  const shown = (text: string) =>
    loaded(text, files)
      .config.match(['timeout', 'port', 'maxclients'])
      .map(([, value]) => value)
  assert.equal(shown('include conf.d/*.conf'), ['9', '1', '20'])
  assert.equal(shown('include "/etc/c*/[12]?.conf"'), ['2', '1', '20'])
  assert.equal(shown('include conf.d/?.conf other/none*.conf nowhere/*.conf'), ['9', '6379', '10000'])
  assert.equal(shown('include *.d/10.conf'), ['1', '1', '10000'])
  assert.match(
    failure(() => loaded('include conf.d/none.conf', files)),
    /^\/etc\/haypile.conf:1: cannot read the configuration file \/etc\/conf\.d\/none\.conf/,
  )
})

test('CONFIG REWRITE takes the values of included files into account', () => {
  const { config, written } = loaded('include conf.d/*.conf', { '/etc/conf.d/1.conf': 'timeout 5\n', '/etc/conf.d/2.conf': 'timeout 6\n' })
  config.set([['maxclients', '9']])
  config.rewrite()
  assert.is(written(), 'include conf.d/*.conf\n# Generated by CONFIG REWRITE\nmaxclients 9\n')
})

test('an include path is decoded to text', () => {
  const paths: string[] = []
  parseConfigText('include "\xc3\xa4.conf" b.conf', 'x', (path) => {
    paths.push(path)
    return []
  })
  assert.equal(paths, ['ä.conf', 'b.conf'])
})

test('CONFIG REWRITE of an unchanged configuration leaves the file as it is', () => {
  const text = '# mine\nmaxmemory 64mb\nsave 1 2\nsave 3 4\n\nslave-serve-stale-data no\nclient-output-buffer-limit normal 1mb 0 0'
  const { config, written } = loaded(text)
  config.rewrite()
  assert.is(written(), text)
})

test('CONFIG REWRITE keeps comments and order, replaces lines in place, and appends new ones', () => {
  const { config, files, written } = loaded('# first\nsave 1 2\ntimeout 5\n# second\nsave 3 4\nslave-serve-stale-data no\n\ntimeout 6\n')
  config.set([
    ['timeout', '7'],
    ['save', '9 9 8 8'],
    ['replica-serve-stale-data', 'yes'],
    ['requirepass', 'a "b"'],
    ['maxmemory', '1073741824'],
  ])
  config.rewrite()
  assert.is(
    written(),
    [
      '# first',
      'save 9 9',
      'save 8 8',
      'timeout 7',
      '# second',
      'replica-serve-stale-data yes',
      '',
      '# Generated by CONFIG REWRITE',
      'requirepass "a \\"b\\""',
      'maxmemory 1gb',
      '',
    ].join('\n'),
  )
  const again = new Config({ files, machine })
  again.loadFile('/etc/haypile.conf')
  assert.equal(again.match(['*']), config.match(['*']))
  config.set([['maxclients', '5']])
  config.rewrite()
  assert.is(written().match(/# Generated/g)?.length, 1)
  assert.ok(written().endsWith('maxmemory 1gb\nmaxclients 5\n'))
})

test('CONFIG REWRITE overrides included values and keeps flags', () => {
  const { config, files, written } = loaded('include more.conf', { '/etc/more.conf': 'timeout 5\nmaxclients 9\n' })
  config.load([['port', '7777']])
  config.set([['timeout', '6']])
  config.rewrite()
  assert.is(written(), 'include more.conf\n# Generated by CONFIG REWRITE\nport 7777\ntimeout 6\n')
  assert.is(textIn(files, '/etc/more.conf'), 'timeout 5\nmaxclients 9\n')
})

test('a crash during CONFIG REWRITE leaves the old file or the new one', () => {
  const { config, files } = loaded('timeout 5\n')
  files.syncDirectorySync('/etc')
  config.set([['timeout', '6']])
  config.rewrite()
  for (const chance of [0, 0.5, 0.99])
    assert.is(
      textIn(
        files.crash(() => chance),
        '/etc/haypile.conf',
      ),
      'timeout 6\n',
    )
})

test('CONFIG REWRITE without a file, or with a broken one, is an error', () => {
  assert.is(
    failure(() => new Config({ machine }).rewrite()),
    'ERR The server is running without a config file',
  )
  const { config, files } = loaded('timeout 5\n')
  const file = files.openSync('/etc/haypile.conf', 'create')
  file.writeSync([Buffer.from('nonsense 1')], 0)
  file.closeSync()
  assert.match(
    failure(() => config.rewrite()),
    /^ERR Rewriting config file: \/etc\/haypile.conf:1: unknown configuration key 'nonsense'/,
  )
  assert.is(textIn(files, '/etc/haypile.conf'), 'nonsense 1')
})

test.run()
