/**
 * Files in the root of a data directory that are missing, empty or older copies, on a simulated
 * disk with two generations.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bufferOf, bytesOf } from '../../../base/bytes.ts'
import { replaceFileSync } from '../../../base/files.ts'
import { checkDirectory, type Repair } from '../../../storage/check/check.ts'
import { readWitness } from '../../../storage/directory/witness.ts'
import { checkDisk, clock, contentOf, lose, makeMaster, makeReplica } from '../../support/disks/swaps.ts'
import { fromSeed, seeded } from '../../support/generators/seed.ts'
import { BINLOG_DIRECTORY, DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'
import { fullSync, MASTER } from '../../support/replication/received.ts'

const kill = (disk: Disk) => disk.kill(lose)
const at = (name: string) => `${DIRECTORY}/${name}`
const open = (disk: Disk) => Engine.open(disk, { clock, random: fromSeed(3).random })

function read(disk: Disk, name: string): Buffer {
  const file = disk.files.openSync(at(name), 'read')
  const content = Buffer.from(file.readSync(0, file.sizeSync()))
  file.closeSync()
  return content
}

const put = (disk: Disk, name: string, content: Buffer) => replaceFileSync(disk.files, at(name), content)

async function refusal(disk: Disk): Promise<string> {
  const names = () => JSON.stringify([disk.files.listSync(DIRECTORY), disk.files.listSync(BINLOG_DIRECTORY)])
  const before = disk.files.existsSync(BINLOG_DIRECTORY) ? names() : ''
  const message = await open(disk).then(
    () => assert.unreachable('the start was not refused'),
    (error: Error) => error.message,
  )
  if (before !== '') assert.is(names(), before, 'a refused start removes nothing')
  return message as string
}

async function repair(disk: Disk, how: Repair): Promise<readonly string[]> {
  const openRecords = (path: string) => disk.openRecords(path)
  return (await checkDirectory({ files: disk.files, directory: DIRECTORY, openRecords, repair: how })).repairs
}

/** Returns a replica that a full sync has filled, and its files from before the full sync. */
async function filled(): Promise<{ replica: Engine; before: Map<string, Buffer> }> {
  const master = await makeMaster()
  const replica = await makeReplica()
  const before = new Map(['CURRENT', 'identity.json', 'witness'].map((name) => [name, read(replica.disk, name)] as const))
  await fullSync(replica, master)
  await replica.settle()
  return { replica, before }
}

test('a missing, empty or older CURRENT is refused, and no generation is removed', async () => {
  const { replica, before } = await filled()
  const removed = kill(replica.disk)
  removed.files.removeSync(at('CURRENT'))
  assert.match(await refusal(removed), /CURRENT is missing; the only data set is generation-000002: put that name into the file/)
  put(removed, 'CURRENT', bufferOf('generation-000002\n'))
  assert.is(contentOf(await open(removed)), contentOf(replica), 'which is the way out')
  const emptied = kill(replica.disk)
  put(emptied, 'CURRENT', Buffer.alloc(0))
  assert.match(await refusal(emptied), /CURRENT does not name a generation; the only data set is generation-000002/)
  const older = kill(replica.disk)
  put(older, 'CURRENT', before.get('CURRENT') as Buffer)
  assert.match(await refusal(older), /CURRENT names generation-000001, which is missing or incomplete/)
  older.files.makeDirectorySync(at('generation-000001/db'))
  older.files.makeDirectorySync(at('generation-000001/binlog'))
  assert.match(await refusal(older), /CURRENT names generation-000001 although generation-000002 was in use: it is an older copy/)
  assert.ok(older.files.existsSync(at('generation-000002')))
})

test('a replica whose identity.json is missing or empty is refused, not started as a master', async () => {
  const { replica } = await filled()
  const removed = kill(replica.disk)
  removed.files.removeSync(at('identity.json'))
  assert.match(await refusal(removed), /identity.json is missing: it is unknown whether this was a master or a replica; .*--new-identity/)
  const emptied = kill(replica.disk)
  put(emptied, 'identity.json', Buffer.alloc(0))
  assert.match(await refusal(emptied), /identity.json is not JSON; .*--new-identity/)
  for (const disk of [removed, emptied]) {
    assert.match((await repair(disk, 'new-identity')).join(), /identity.json was replaced/)
    const again = await open(disk)
    assert.is(contentOf(again), contentOf(replica))
    assert.is(again.storage.identity.master, undefined, 'the configuration counts')
    const known = [replica.storage.identity.replicationId, '0'.repeat(40)]
    assert.not.ok(
      [again.storage.identity, ...again.storage.identity.past].some((each) => known.includes('id' in each ? each.id : each.replicationId)),
    )
    await again.storage.close('save')
    await checkDisk(kill(again.disk))
  }
})

test('an empty replica whose identity.json is missing is not taken for a first start', async () => {
  const replica = await open(new Disk())
  replica.storage.becomeReplica(MASTER)
  const disk = kill(replica.disk)
  disk.files.removeSync(at('identity.json'))
  assert.match(await refusal(disk), /identity.json is missing/)
})

test('an older copy of identity.json is refused after each change of role, a full sync and a clean end', async () => {
  const engine = await open(new Disk())
  engine.write('SET', 'a', '1')
  const changes: (() => void | Promise<void>)[] = [
    () => engine.storage.becomeReplica(MASTER),
    () => engine.storage.adoptHistory('a'.repeat(40), []),
    () => engine.storage.promote(),
    () => engine.storage.close('save'),
  ]
  for (const change of changes) {
    const older = read(engine.disk, 'identity.json')
    await change()
    const disk = kill(engine.disk)
    put(disk, 'identity.json', older)
    assert.match(await refusal(disk), /identity.json is an older copy: revision \d+ of \d+; .*--new-identity/)
  }
  const { replica, before } = await filled()
  const disk = kill(replica.disk)
  put(disk, 'identity.json', before.get('identity.json') as Buffer)
  assert.match(await refusal(disk), /identity.json is an older copy/)
})

test('an identity.json without a revision is read, and is an older copy once a revision was counted', async () => {
  const engine = await open(new Disk())
  engine.storage.becomeReplica(MASTER)
  const { revision, ...uncounted } = JSON.parse(bytesOf(read(engine.disk, 'identity.json'))) as { revision: number }
  assert.ok(revision > 1)
  const disk = kill(engine.disk)
  put(disk, 'identity.json', bufferOf(JSON.stringify(uncounted)))
  assert.match(await refusal(disk), /identity.json is an older copy: revision 0 of/)
  disk.files.removeSync(at('witness'))
  assert.is((await open(disk)).storage.role, 'replica')
})

test('a crash between CURRENT and identity.json of a full sync is recognised by history.json, and refused without it', async () => {
  const master = await makeMaster()
  const replica = await makeReplica()
  let found: Disk | null = null
  replica.disk.files.onOperation = (operation, path) => {
    if (found === null && operation === 'open' && path === at('identity.json.new')) found = kill(replica.disk)
  }
  await fullSync(replica, master)
  replica.disk.files.onOperation = undefined
  const whole = found as unknown as Disk
  const without = kill(whole)
  without.files.removeSync(at('generation-000002/history.json'))
  assert.match(await refusal(without), /history.json is missing/)
  assert.is((await open(whole)).storage.identity.replicationId, master.storage.identity.replicationId)
})

test('a missing, empty, torn or older witness changes nothing', async () => {
  const { replica, before } = await filled()
  const torn = Buffer.from(read(replica.disk, 'witness'))
  torn[40] = 0x39
  for (const content of [null, Buffer.alloc(0), torn, before.get('witness') as Buffer]) {
    const disk = kill(replica.disk)
    if (content === null) disk.files.removeSync(at('witness'))
    else put(disk, 'witness', content)
    const again = await open(disk)
    assert.is(contentOf(again), contentOf(replica))
    assert.is(again.storage.role, 'replica')
    assert.equal(readWitness(disk.files, DIRECTORY)?.generation, 'generation-000002', 'and is written again')
  }
})

test('a witness that cannot be written is logged once and has no other effect', async () => {
  const engine = await open(new Disk())
  engine.disk.files.fail({ operation: 'write', path: /witness$/, code: 'EIO', times: 3 })
  for (let i = 0; i < 3; i++) {
    engine.write('SET', 'a', String(i))
    await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
  }
  assert.is(engine.logged.filter(({ text }) => text.includes('cannot write the file "witness"')).length, 1)
  assert.is((await open(kill(engine.disk))).run('GET', 'a'), '2')
})

test('a binlog that lost synced bytes is refused on master and replica, until --cut accepts it', async () => {
  for (const role of ['master', 'replica'] as const) {
    const engine = await open(new Disk())
    engine.write('SET', 'a', '1')
    const { offset } = engine.storage.binlog.end
    engine.write('SET', 'b', '2')
    await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
    if (role === 'replica') engine.storage.becomeReplica(MASTER)
    const disk = kill(engine.disk)
    const [name] = disk.files.listSync(BINLOG_DIRECTORY)
    const path = `${BINLOG_DIRECTORY}/${name}`
    disk.files.openSync(path, 'update').truncateSync(offset)
    assert.match(await refusal(disk), new RegExp(`ends at offset ${offset}, and was once synced up to .* ${path} was cut short`))
    await repair(disk, 'cut-binlog')
    const again = await open(disk)
    assert.is(again.run('GET', 'a'), '1')
    assert.is(again.run('GET', 'b'), null)
    assert.is(again.storage.role, role)
  }
})

test('a log shorter than its clean end is refused even without a witness', async () => {
  const engine = await open(new Disk())
  engine.write('SET', 'a', '1')
  await engine.storage.close('nosave')
  const disk = kill(engine.disk)
  disk.files.removeSync(at('witness'))
  disk.files.removeSync(`${BINLOG_DIRECTORY}/${disk.files.listSync(BINLOG_DIRECTORY)[0]}`)
  assert.match(await refusal(disk), /there is no segment in/)
  await repair(disk, 'cut-binlog')
  assert.is((await open(disk)).storage.keyspace.keyCount, 0)
})

test('a cut of a binlog that ends before the checkpoint restarts it there, and no key is lost', async () => {
  const engine = await Engine.open(new Disk(), { clock, binlog: { fileSizeBytes: 100, retentionBytes: 2 ** 40, retentionMs: 2 ** 40 } })
  for (let i = 0; i < 6; i++) {
    engine.write('SET', `k${i}`, 'x'.repeat(100))
    await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
  }
  await engine.checkpoint()
  const expected = contentOf(engine)
  const names = engine.disk.files.listSync(BINLOG_DIRECTORY)
  assert.ok(names.length > 3)
  const refusals: string[] = []
  for (const lost of [names.slice(-1), names.slice(0, -1), names.slice(1, 2), names]) {
    const disk = kill(engine.disk)
    for (const name of lost) disk.files.removeSync(`${BINLOG_DIRECTORY}/${name}`)
    const outcome = await open(kill(disk)).then(contentOf, (error: Error) => error.message)
    // The checkpoint is behind all that is lost, and nothing shows that it was not purged.
    if (outcome === expected) continue
    if (lost[0] === names[1]) assert.match(outcome, `${BINLOG_DIRECTORY}/${names[1]} is missing`, 'replicas may need the old binlog')
    refusals.push(outcome)
    assert.match(outcome, /haypile check DIR --cut/)
    await repair(disk, 'cut-binlog')
    const again = await open(disk)
    assert.is(contentOf(again), expected)
    again.write('SET', 'after', '1')
    assert.is((await open(kill(disk))).run('GET', 'after'), '1')
  }
  assert.is(refusals.length, 3)
})

test('a first start that is interrupted at any moment is followed by a first start or a complete one', async () => {
  const { random } = seeded('first start')
  const disks: Disk[] = []
  const disk = new Disk()
  disk.files.onOperation = () => {
    disks.push(disk.kill(random), disk.crash(random), disk.crash(random))
  }
  const first = await open(disk)
  first.write('SET', 'a', '1')
  disk.files.onOperation = undefined
  assert.ok(disks.length > 60)
  for (const found of disks) {
    const again = await open(found)
    again.write('SET', 'b', '2')
    assert.is((await open(kill(again.disk))).run('GET', 'b'), '2')
  }
})

test.run()
