/**
 * A real data directory in which one file is missing, empty or an older copy of itself. The start
 * may be refused with a message that names the file and a way out. Otherwise it recovers exactly
 * the state of the undamaged directory. Images are copied while the server is idle, as `kill -9`
 * would leave them.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RunningServer, start } from '../../../server/index.ts'
import { pause, RunningServer as RunningProgram, runProgram, until } from '../../support/servers/running-server.ts'
import { WireClient, type WireReply } from '../../support/servers/wire-client.ts'

type Damage = 'removed' | 'emptied' | 'older'

/** The result of a start on a directory: its data and role, or the refusal. */
type Outcome = { readonly digest: WireReply; readonly role: string } | { readonly refusal: string }

const FLAGS = {
  port: 0,
  bind: '127.0.0.1',
  loglevel: 'nothing',
  appendfsync: 'always',
  'enable-debug-command': 'yes',
  'binlog-file-size': '1mb',
  'level-write-buffer': '64kb',
  'shutdown-timeout': 0,
}

/** A copy counts if its source was unchanged for this long. */
const REST_MS = 20

/** Files whose content has no effect on the data. */
const MEANS_NOTHING = /\/(LOCK|LOG|LOG\.old)$|^reserve$/

/** Matches a message that says what to do. */
const REFUSAL = /restore|put|remove|check/

async function open(dir: string, retention: string): Promise<{ server: RunningServer; client: WireClient }> {
  const server = await start({ ...FLAGS, dir, 'binlog-retention-bytes': retention })
  return { server, client: await WireClient.connect({ port: server.port }) }
}

async function outcomeOf(dir: string): Promise<Outcome> {
  let opened: Awaited<ReturnType<typeof open>>
  try {
    opened = await open(dir, '1gb')
  } catch (error) {
    return { refusal: (error as Error).message }
  }
  const { server, client } = opened
  const digest = await client.call('DEBUG', 'DIGEST')
  const [role] = (await client.call('ROLE')) as [string]
  await client.close()
  await server.close()
  return { digest, role }
}

async function write(client: WireClient, from: number, to: number): Promise<void> {
  const calls: Promise<WireReply>[] = []
  for (let i = from; i < to; i++) {
    calls.push(client.call('SET', `k${i}`, `${i}`.repeat(3000)), client.call('HSET', `h${i % 7}`, `f${i}`, 'x'.repeat(200)))
  }
  await Promise.all(calls)
}

/**
 * Returns names, sizes and times of all files. The list is equal before and after a copy if nothing
 * has changed meanwhile.
 */
function listingOf(directory: string): string {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  return names
    .map((name) => {
      const { size, mtimeMs } = statSync(join(directory, name))
      return `${name} ${size} ${mtimeMs}`
    })
    .join('\n')
}

/**
 * Copies a directory as of one moment. LevelDB removes and renames files in the background, after
 * the server has answered.
 */
async function copyAtRest(from: string, to: string): Promise<void> {
  await until(`${from} to stay unchanged while it is copied`, async () => {
    try {
      const before = listingOf(from)
      cpSync(from, to, { recursive: true })
      await pause(REST_MS)
      if (listingOf(from) === before) return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    rmSync(to, { recursive: true, force: true })
    return false
  })
}

/** Makes the images to damage, in the order in which they were taken. */
async function makeImages(root: string, retention: string): Promise<string[]> {
  const live = join(root, 'live')
  const images: string[] = []
  const take = async (name: string) => {
    await copyAtRest(live, join(root, name))
    images.push(join(root, name))
  }
  let { server, client } = await open(live, retention)
  await write(client, 0, 60)
  await take('before the first checkpoint')
  await client.call('SAVE')
  await write(client, 60, 120)
  await take('young')
  await write(client, 120, 600)
  await client.call('SAVE')
  await client.call('SAVE')
  await write(client, 600, 900)
  await take('old')
  await client.call('SET', 'small', '1')
  await client.call('SAVE')
  await take('a little older')
  await client.call('SET', 'small', '2')
  await client.call('SAVE')
  await write(client, 900, 910)
  await client.call('REPLICAOF', '127.0.0.1', '1')
  await take('replica')
  await client.close()
  await server.close()
  await take('closed')
  ;({ server, client } = await open(live, retention))
  await client.call('REPLICAOF', 'NO', 'ONE')
  await write(client, 910, 920)
  await client.call('SHUTDOWN', 'NOSAVE').catch(() => {})
  await client.close()
  await server.close()
  await take('closed without a checkpoint')
  return images
}

function filesOf(image: string): string[] {
  const names = readdirSync(image, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => statSync(join(image, name)).isFile()).sort()
}

/** Returns the damages of a file, with each older content of it once. */
function damagesOf(file: string, before: readonly string[]): [Damage, string?][] {
  const older = before.filter((image) => existsSync(join(image, file)))
  const contents = new Map(older.map((image) => [readFileSync(join(image, file), 'latin1'), image]))
  return [['removed'], ['emptied'], ...[...contents.values()].map((image): [Damage, string] => ['older', image])]
}

/** Damages a copy of an image. Returns false if that would change nothing. */
function damage(copy: string, file: string, kind: Damage, older: string | undefined): boolean {
  const path = join(copy, file)
  if (kind === 'removed') rmSync(path)
  else if (kind === 'emptied') {
    if (statSync(path).size === 0) return false
    truncateSync(path)
  } else {
    const before = join(older as string, file)
    if (readFileSync(before).equals(readFileSync(path))) return false
    cpSync(before, path)
  }
  return true
}

/**
 * Returns true if a refusal names the file. A missing segment cannot be named, so its directory is.
 */
function isNamed(refusal: string, file: string, kind: Damage): boolean {
  const isGone = kind === 'removed' && file.includes('/binlog/')
  return REFUSAL.test(refusal) && (refusal.includes(basename(file)) || (isGone && refusal.includes(dirname(file))))
}

/** Returns the place of a file as far as the kind of outcome depends on it. */
const kindOf = (file: string) => file.replace(/\d{6,}/g, 'N')

/** Returns the fault of an outcome, or an empty text if it is as expected. */
function faultOf(outcome: Outcome, expected: Outcome, file: string, kind: Damage): string {
  if ('refusal' in outcome) return isNamed(outcome.refusal, file, kind) && !MEANS_NOTHING.test(file) ? '' : outcome.refusal
  const [found, wanted] = [JSON.stringify(outcome), JSON.stringify(expected)]
  return found === wanted ? '' : `${found} instead of ${wanted}`
}

async function everyDamage(retention: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'haypile-damage-'))
  const copy = join(root, 'copy')
  const seen = { refused: 0, recovered: 0 }
  const wrong: string[] = []
  const kinds = new Set<string>()
  try {
    const images = await makeImages(root, retention)
    for (const [index, image] of images.entries()) {
      cpSync(image, copy, { recursive: true })
      const expected = await outcomeOf(copy)
      assert.ok('digest' in expected, `${image}: ${JSON.stringify(expected)}`)
      rmSync(copy, { recursive: true })
      for (const file of filesOf(image)) {
        for (const [kind, older] of damagesOf(file, images.slice(0, index))) {
          cpSync(image, copy, { recursive: true })
          if (damage(copy, file, kind, older)) {
            const outcome = await outcomeOf(copy)
            kinds.add(`${kindOf(file)} ${kind}`)
            seen['refusal' in outcome ? 'refused' : 'recovered']++
            const fault = faultOf(outcome, expected, file, kind)
            if (fault !== '') wrong.push(`${basename(image)}: ${file} ${kind} (${basename(older ?? '')}): ${fault}`)
          }
          rmSync(copy, { recursive: true })
        }
      }
    }
  } finally {
    rmSync(root, { recursive: true })
  }
  assert.equal(wrong, [], `${wrong.length} of ${seen.refused + seen.recovered}`)
  assert.ok(seen.refused > 50 && seen.recovered > 50, JSON.stringify(seen))
  for (const file of ['identity.json', 'witness', 'db/CURRENT', 'db/MANIFEST-N', 'db/N.log', 'binlog/N.log'])
    for (const kind of ['removed', 'emptied', 'older'])
      assert.ok(
        [...kinds].some((each) => each.endsWith(`${file} ${kind}`)),
        `${file} ${kind}`,
      )
}

for (const [retention, what] of [
  ['0', 'binlog that recovery does not need is purged'],
  ['1gb', 'all of the binlog is kept'],
] as const) {
  test(`a removed, emptied or older file of a data directory is named or recovered from, where ${what}`, () => everyDamage(retention))
}

test('a replica without identity.json is refused, and starts with its data after check --new-identity', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-identity-'))
  const words = ['check', directory, '--new-identity']
  try {
    let server = await RunningProgram.start({ directory })
    await server.call('SET', 'a', '1')
    await server.call('REPLICAOF', '127.0.0.1', '1')
    await server.stop()
    assert.match((await runProgram(words)).output, /identity.json is valid and was left unchanged/)
    rmSync(join(directory, 'identity.json'))
    const refused = await runProgram(['--dir', directory, '--port', '0'])
    assert.is(refused.status, 1)
    assert.match(refused.output, /identity.json is missing: it is unknown whether this was a master or a replica/)
    assert.match((await runProgram([...words, '--cut'])).output, /cannot be used with/)
    assert.match((await runProgram(words)).output, /identity.json was replaced/)
    server = await RunningProgram.start({ directory })
    assert.is(await server.call('GET', 'a'), '1')
    await server.stop()
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.run()
