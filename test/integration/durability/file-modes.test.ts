/** Modes of all files and directories that a server creates, under any umask. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, runProgram, until } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

/**
 * Returns paths below a directory with their modes in octal. A directory's mode has a `d` before
 * it.
 */
function modesIn(root: string): Map<string, string> {
  const modes = new Map<string, string>()
  for (const name of readdirSync(root, { recursive: true }) as string[]) {
    // The old data is removed in the background.
    const found = statSync(join(root, name), { throwIfNoEntry: false })
    if (found !== undefined) modes.set(name, `${found.isDirectory() ? 'd' : ''}${(found.mode & 0o777).toString(8)}`)
  }
  return modes
}

/** Runs a master and a replica that create every kind of file. Returns the modes while they run. */
async function modesOf(root: string, umask: string | null): Promise<Map<string, string>> {
  const conf = join(root, 'haypile.conf')
  writeFileSync(conf, `port 0\naclfile ${join(root, 'users.acl')}\n`)
  writeFileSync(join(root, 'users.acl'), '')
  const flags = {
    ...(umask === null ? {} : { umask }),
    logfile: join(root, 'log/server.log'),
    pidfile: join(root, 'server.pid'),
    unixsocket: join(root, 'server.sock'),
    'level-write-buffer': '64kb',
    'binlog-file-size': '1mb',
    'enable-debug-command': 'yes',
    'shutdown-timeout': 0,
  }
  const server = await RunningServer.start({ directory: join(root, 'new/data'), words: [conf], flags })
  const replica = await RunningServer.start({ directory: join(root, 'replica'), flags: umask === null ? {} : { umask } })
  try {
    const ok = async (running: RunningServer, ...words: (string | number)[]) => assert.is(await running.call(...words), 'OK')
    for (let i = 0; i < 30; i++) await ok(server, 'SET', `k${i}`, `${i}`.repeat(50_000))
    await until('a checkpoint', async () => !((await server.call('SAVE')) instanceof WireError))
    await ok(server, 'DEBUG', 'RELOAD')
    await ok(server, 'ACL', 'SETUSER', 'someone', 'on', '>secret')
    await ok(server, 'ACL', 'SAVE')
    await ok(server, 'CONFIG', 'REWRITE')
    await ok(replica, 'REPLICAOF', '127.0.0.1', server.port)
    await until('the full sync', async () => (await replica.call('DBSIZE')) === 30)
    return modesIn(root)
  } finally {
    await replica.stop()
    await server.stop()
  }
}

async function withRoot(run: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'haypile-modes-'))
  const umask = process.umask(0)
  try {
    await run(root)
  } finally {
    process.umask(umask)
    rmSync(root, { recursive: true })
  }
}

const KINDS = [
  /^new\/data\/CURRENT$/,
  /identity\.json$/,
  /witness$/,
  /reserve$/,
  /\/db\/.*\.(log|ldb)$/,
  /MANIFEST-/,
  /binlog\/\d+\.log$/,
  /history\.json$/,
]
const OTHERS = [/^log\/server\.log$/, /^users\.acl$/, /^haypile\.conf$/, /^server\.sock$/]

for (const [umask, file, directory] of [
  [null, '600', '700'],
  ['27', '640', '750'],
] as const) {
  test(`with ${umask === null ? 'the default umask' : `umask ${umask}`} files are ${file} and directories ${directory}`, () =>
    withRoot(async (root) => {
      const modes = await modesOf(root, umask)
      const names = [...modes.keys()]
      for (const kind of [...KINDS, ...OTHERS])
        assert.ok(
          names.some((name) => kind.test(name)),
          `${kind} in ${names}`,
        )
      assert.is(modes.get('server.pid'), '644', 'the pid file is readable by others')
      assert.is(modes.get('server.sock'), directory)
      for (const name of ['server.pid', 'server.sock']) modes.delete(name)
      const others = [...modes].filter(([, mode]) => mode !== file && mode !== `d${directory}`)
      assert.equal(others, [])
    }))
}

test('files written by check are private to their owner', () =>
  withRoot(async (root) => {
    const server = await RunningServer.start({ directory: join(root, 'data') })
    await server.call('SET', 'a', '1')
    await server.stop()
    rmSync(join(root, 'data/identity.json'))
    const { output } = await runProgram(['check', join(root, 'data'), '--new-identity'])
    assert.is(statSync(join(root, 'data/identity.json')).mode & 0o777, 0o600, output)
  }))

test('a umask that locks the server out of its own files is refused', async () => {
  const { status, output } = await runProgram(['--umask', '277'])
  assert.not.equal(status, 0)
  assert.match(output, /argument must be between 0 and 77 inclusive/)
})

test.run()
