/** Held clients: when they are tried again, and that none is forgotten. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Request } from '../../../commands/contract/request.ts'
import type { CommandRuntime } from '../../../commands/contract/runtimes.ts'
import type { Client } from '../../../commands/contract/session.ts'
import type { CommandTable } from '../../../commands/contract/table.ts'
import type { Executor } from '../../../commands/execution/executor.ts'
import { Gating, OPEN_GATES } from '../../../commands/execution/gating.ts'
import type { LeaseGate, ReplicationGate } from '../../../server/loop/gate-reasons.ts'
import { type GateHooks, Gates } from '../../../server/loop/gates.ts'
import type { Storage } from '../../../storage/storage.ts'

const WRITE = { isWrite: true, mayWrite: true, command: { flags: ['write'] } } as unknown as CommandRuntime
const READ = { isWrite: false, mayWrite: false, command: { flags: ['readonly'] } } as unknown as CommandRuntime

/**
 * Returns a client that counts how often it was told to try again. Each time it asks the gate about
 * its request, as a connection does.
 */
function made() {
  const storage = {
    isReady: false,
    stalled: null as string | null,
    isDiskLow: false,
    isOverloaded: false,
    recordsFailure: null as string | null,
  }
  const executor = { units: { current: null }, gating: new Gating(OPEN_GATES) } as Pick<Executor, 'units' | 'gating'>
  const around = { replication: null as ReplicationGate | null, lease: null as LeaseGate | null, opened: 0 }
  const hooks: GateHooks = {
    replication: () => around.replication,
    lease: () => around.lease,
    flagsOfScript: () => null,
    onOpened: () => around.opened++,
  }
  const gates = new Gates(storage as unknown as Storage, executor as Executor, {} as CommandTable, hooks, (run) => run())
  gates.isLoading = false
  gates.refresh()
  const clientOf = (runtime: CommandRuntime) => {
    const client = {
      remoteRole: 'client',
      transaction: null,
      tries: 0,
      verdict: null as unknown,
      ask() {
        this.verdict =
          executor.gating.gated === 'all' || (executor.gating.gated === 'writes' && runtime.isWrite)
            ? gates.ask(new Request(this as unknown as Client, [], runtime))
            : null
      },
      retryGate() {
        this.tries++
        this.ask()
      },
    }
    client.ask()
    return client
  }
  return { storage, executor, gates, around, clientOf }
}

test('held clients are not retried while a pause lasts, and are retried at its end', () => {
  const { gates, executor, clientOf } = made()
  gates.pause(1000, 'write')
  const writer = clientOf(WRITE)
  const reader = clientOf(READ)
  assert.equal([writer.verdict, reader.verdict, gates.heldCount], ['hold', null, 1])
  for (let turn = 0; turn < 10; turn++) gates.refresh(999)
  assert.is(writer.tries, 0)
  gates.refresh(1000)
  assert.equal([writer.tries, writer.verdict, gates.heldCount, executor.gating.gated], [1, null, 0, 'none'])
})

test('a client whose reason ends is retried, and held again for another reason', () => {
  const { gates, storage, clientOf } = made()
  gates.pause(1000, 'all')
  storage.isOverloaded = true
  const writer = clientOf(WRITE)
  const reader = clientOf(READ)
  gates.unpause()
  assert.equal([writer.tries, writer.verdict], [1, 'hold'])
  assert.equal([reader.tries, reader.verdict], [1, null])
  storage.isOverloaded = false
  gates.refresh()
  assert.equal([writer.tries, writer.verdict], [2, null])
})

test('a reason that comes and goes between two checks releases every client', () => {
  const { gates, storage, clientOf } = made()
  gates.pause(1000, 'write')
  const first = clientOf(WRITE)
  storage.isOverloaded = true
  gates.unpause() // the second reason begins before the first ends
  const second = clientOf(WRITE)
  storage.isOverloaded = false
  gates.refresh()
  assert.equal([first.verdict, second.verdict, gates.heldCount], [null, null, 0])

  gates.pause(1000, 'write')
  storage.isOverloaded = true
  const third = clientOf(WRITE)
  storage.isOverloaded = false
  gates.refresh()
  assert.is(third.verdict, 'hold', 'the pause still lasts')
  assert.is(third.tries, 1)
})

test('isOpen tells whether a blocked command may run without holding its client, and the opening is reported', () => {
  const { gates, storage, around } = made()
  const client = { remoteRole: 'client' } as unknown as Client
  const canRun = (runtime: CommandRuntime) => gates.admit(new Request(client, [], runtime))
  assert.equal([canRun(WRITE), canRun(READ)], [true, true])
  storage.isDiskLow = true // not looked at since
  assert.equal([canRun(WRITE), canRun(READ), gates.heldCount], [false, true, 0])
  for (let turn = 0; turn < 3; turn++) gates.refresh()
  assert.is(around.opened, 0)
  storage.isDiskLow = false
  gates.refresh()
  assert.equal([canRun(WRITE), around.opened], [true, 1])
  gates.pause(1000, 'all')
  assert.equal([canRun(WRITE), canRun(READ)], [false, false])
  gates.unpause()
  assert.is(around.opened, 2)
})

test('min-replicas-to-write is checked again per request once it may no longer be met', () => {
  const { gates, clientOf, around } = made()
  let monotonicMs = 0
  const writableUntilMs = 3000
  around.replication = {
    isReplica: false,
    isMasterDown: false,
    isPausingWrites: false,
    writableUntilMs,
    isUnsettled: false,
    settle() {},
    get isShortOfReplicas() {
      return monotonicMs > writableUntilMs
    },
  }
  gates.refresh()
  monotonicMs = 3000
  gates.refreshIfDue(monotonicMs)
  assert.is(clientOf(WRITE).verdict, null)
  monotonicMs = 30_000 // the process has slept
  gates.refreshIfDue(monotonicMs)
  assert.is(clientOf(WRITE).verdict, 'NOREPLICAS Not enough good replicas to write.')
})

test('the first write of an unsettled master settles its role; reads, PUBLISH and queued commands do not', () => {
  const { gates, executor, clientOf, around } = made()
  let isUnsettled = true
  around.replication = {
    isReplica: false,
    isMasterDown: false,
    isPausingWrites: false,
    isShortOfReplicas: false,
    writableUntilMs: Number.POSITIVE_INFINITY,
    get isUnsettled() {
      return isUnsettled
    },
    settle() {
      isUnsettled = false
      gates.refresh()
    },
  }
  gates.refresh()
  assert.is(executor.gating.gated, 'writes', 'reads ask nothing')
  clientOf(READ)
  gates.ask(new Request({ transaction: null } as unknown as Client, [], { ...WRITE, isWrite: false }))
  gates.ask(new Request({ transaction: { requests: [] } } as unknown as Client, [], WRITE))
  assert.is(isUnsettled, true)
  assert.is(gates.ask(new Request({ transaction: null } as unknown as Client, [], WRITE)), null)
  assert.equal([isUnsettled, executor.gating.gated], [false, 'none'])
  isUnsettled = true
  gates.refresh()
  assert.is(gates.refusal(new Request({ transaction: { requests: [] } } as unknown as Client, [], WRITE)), null)
  assert.is(isUnsettled, false, 'as part of a running transaction')
})

test('the names of present reasons are listed once each, in the order of their answers', () => {
  const { gates, storage, executor, around } = made()
  assert.equal(gates.presentNames(), [])
  storage.stalled = 'EIO'
  storage.isDiskLow = true
  around.replication = {
    isReplica: true,
    isMasterDown: true,
    isShortOfReplicas: true,
    isPausingWrites: true,
    isUnsettled: true,
    writableUntilMs: Number.POSITIVE_INFINITY,
    settle() {},
  }
  gates.pause(1000, 'write')
  gates.suspended(() => 'BUSY')
  const present = ['log-stalled', 'disk-full', 'few-replicas', 'read-only', 'master-down', 'paused', 'failover', 'busy-script', 'unsettled']
  assert.equal(gates.presentNames(), present)
  gates.isClosing = true
  gates.isLoading = true
  storage.isOverloaded = true
  assert.equal(gates.presentNames(), [
    'shutdown',
    ...present.slice(0, 5),
    'loading',
    ...present.slice(5, 7),
    'overloaded',
    ...present.slice(7),
  ])
  assert.is(executor.gating.gated, 'all')
})

test('a request held by a reopening is retried when that fails, even on an unsettled master', () => {
  const { gates, storage, clientOf, around } = made()
  const databases: never[] = []
  Object.assign(storage, { isReady: true, checkpointer: { isReopening: true }, keyspace: { databases }, holdExpiry() {}, expiry: {} })
  around.replication = {
    isReplica: false,
    isMasterDown: false,
    isShortOfReplicas: false,
    isPausingWrites: false,
    isUnsettled: true,
    writableUntilMs: Number.POSITIVE_INFINITY,
    settle() {},
  }
  gates.refresh()
  const steps = { isWrite: false, mayWrite: false, command: { name: 'scan', flags: ['readonly'], steps: () => null } }
  const scanning = clientOf(steps as unknown as CommandRuntime)
  assert.equal([scanning.verdict, gates.presentNames()], ['hold', ['reopening', 'unsettled']])
  storage.recordsFailure = 'EMFILE'
  gates.refresh()
  assert.equal([scanning.tries, scanning.verdict], [1, 'MISCONF The data on disk cannot be read: EMFILE'])
  assert.equal(gates.presentNames(), ['unreadable', 'unsettled'])
})

test.run()
