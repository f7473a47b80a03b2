/** Locks of redlock on one server, and on the majority of three. */
import { Redis } from 'ioredis'
import Redlock, { ExecutionError, type Lock, type Settings } from 'redlock'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pause, RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

let servers: RunningServer[] = []
test.before(async () => {
  servers = await Promise.all([RunningServer.start(), RunningServer.start(), RunningServer.start()])
  // Where a server has not got the script yet, an attempt that fails is taken back before the
  // script itself has come, and stays.
  for (const server of servers) await (await locks([server]).acquire(['first'], 10_000)).release()
  await closeOpened()
})
test.after(async () => {
  await Promise.all(servers.map((server) => server.stop()))
})
test.after.each(closeOpened)

const PATIENT = { automaticExtensionThreshold: 100, retryCount: 1000, retryDelay: 10, retryJitter: 10 }
const ONCE = { retryCount: 0 }
/** The milliseconds of a lock that is held throughout a test. */
const HELD = 60_000

function locks(over: readonly RunningServer[], settings: Partial<Settings> = PATIENT): Redlock {
  const clients = over.map((server) => {
    const client = new Redis({ port: server.port, host: '127.0.0.1', maxRetriesPerRequest: 0, retryStrategy: () => 20 })
    client.on('error', () => {})
    return opened(client, () => client.disconnect())
  })
  return new Redlock(clients, settings).on('error', () => {})
}

/** Returns true if no client holds the resources at the moment. */
async function isFree(redlock: Redlock, ...resources: string[]): Promise<boolean> {
  try {
    await (await redlock.acquire(resources, 10_000, ONCE)).release()
    return true
  } catch (error) {
    assert.instance(error, ExecutionError)
    return false
  }
}

/**
 * Waits for a lock without a limit. Each attempt ends and releases its locks. redlock's own retries
 * keep the locks of a minority, so that several clients could hold one server each for ever.
 */
async function acquire(redlock: Redlock, ...resources: string[]): Promise<Lock> {
  for (;;) {
    try {
      return await redlock.acquire(resources, 10_000, ONCE)
    } catch (error) {
      assert.instance(error, ExecutionError)
      await pause(Math.random() * 30)
    }
  }
}

for (const count of [1, 3]) {
  test(`${count} server(s): a lock is held by one client at a time`, async () => {
    const accounts = { a: 1000, b: 0 }
    let inside = 0
    let most = 0
    const transfer = async () => {
      most = Math.max(most, ++inside)
      const { a, b } = accounts
      await pause(1)
      accounts.a = a - 10
      accounts.b = b + 10
      inside--
    }
    const work = async () => {
      const redlock = locks(servers.slice(0, count))
      for (let i = 0; i < 4; i++) {
        if (count === 1) await redlock.using(['account:a', 'account:b'], 10_000, transfer)
        else {
          const lock = await acquire(redlock, 'account:a', 'account:b')
          await transfer()
          await lock.release()
        }
      }
    }
    await Promise.all(Array.from({ length: 5 }, work))
    assert.is(most, 1)
    assert.equal(accounts, { a: 800, b: 200 })
    await until('all to be let go', async () =>
      (await Promise.all(servers.map((server) => server.call('DBSIZE')))).every((size) => size === 0),
    )
  })

  test(`${count} server(s): a held lock is refused to others, expires, and can be extended`, async () => {
    const [mine, others] = [locks(servers.slice(0, count)), locks(servers.slice(0, count))]
    // No lock that has to be held expires within the test, however busy the machine is.
    const held = await mine.acquire(['a', 'b'], HELD)
    assert.not(await isFree(others, 'b', 'c'))
    assert.ok(await isFree(others, 'c'), 'a failed attempt leaves no lock')
    await held.release()
    const short = await mine.acquire(['a', 'b'], 100)
    await until('the lock to expire', () => isFree(others, 'a'))
    assert.ok(Date.now() >= short.expiration - 10)
    await mine.release(short, ONCE).then(
      () => assert.unreachable('the lock is released'),
      (error) => assert.instance(error, ExecutionError),
    )
    const long = await (await mine.acquire(['a'], HELD)).extend(2 * HELD)
    await until('each server to have the later deadline', async () =>
      (await Promise.all(servers.slice(0, count).map((server) => server.call('PTTL', 'a')))).every((left) => Number(left) > HELD),
    )
    assert.not(await isFree(others, 'a'))
    await long.release()
    assert.ok(await isFree(others, 'a'))
  })
}

test('a lock is extended while its work lasts', async () => {
  // The lock is extended each 100 ms, so a stall of less than 1.8 seconds does not lose it.
  const mine = locks(servers, { ...PATIENT, automaticExtensionThreshold: 1900 })
  const others = locks(servers)
  const isFreeMeanwhile = await mine.using(['slow'], 2000, async (signal) => {
    await pause(2500)
    assert.not(signal.aborted)
    return isFree(others, 'slow')
  })
  assert.not(isFreeMeanwhile)
  assert.ok(await isFree(others, 'slow'))
})

test('locks survive a restart of a server, and its scripts are sent again', async () => {
  const [mine, others] = [locks(servers), locks(servers)]
  const holding = async () => {
    const values = await Promise.all(servers.map((server) => server.call('GET', 'kept')))
    return values.filter((value) => value === lock.value).length
  }
  const lock = await mine.acquire(['kept'], 60_000)
  await until('all three servers to have the lock', async () => (await holding()) === 3)
  const [restarted] = servers as [RunningServer]
  await restarted.kill9()
  assert.not(await isFree(others, 'kept'))
  await (await mine.acquire(['other'], 60_000)).release()
  await restarted.launch()
  assert.is(await holding(), 3)
  assert.not(await isFree(others, 'kept'))
  await until('all three servers to release the lock', async () => {
    await mine.release(lock, ONCE).catch(() => {})
    return (await holding()) === 0
  })
  assert.ok(await isFree(others, 'kept'))
})

test.run()
