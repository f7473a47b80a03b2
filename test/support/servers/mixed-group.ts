/**
 * A group of redis-servers and haypiles that follow one master, each with its own configuration
 * file, as sentinels watch them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisServer } from './redis-server.ts'
import { RunningServer, until } from './running-server.ts'
import type { WireClient, WireReply } from './wire-client.ts'

export type Kind = 'redis' | 'haypile'

/** A server of either kind. */
export interface Member {
  readonly kind: Kind
  readonly port: number
  readonly pid: number
  /** The current lines of its configuration file. */
  config(): readonly string[]
  connect(): Promise<WireClient>
  call(...words: readonly (string | number)[]): Promise<WireReply>
  kill9(): Promise<void>
  launch(): Promise<void>
  /** Ends the process and removes its files. The data of a haypile must be clean. */
  stop(): Promise<void>
}

/** The log on disk keeps the data of a Redis that is killed. A full sync begins at once. */
const REDIS_WORDS = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--repl-diskless-sync-delay', '0']

async function startRedis(words: readonly string[]): Promise<Member> {
  const server = await RedisServer.start([...REDIS_WORDS, ...words])
  return {
    kind: 'redis',
    port: server.port,
    get pid() {
      return server.pid
    },
    config: () => server.config,
    connect: () => server.connect(),
    call: (...sent) => server.call(...sent),
    kill9: () => server.kill9(),
    launch: () => server.launch(),
    stop: () => server.stop(),
  }
}

async function startHaypile(): Promise<Member> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-mixed-'))
  const file = join(directory, 'haypile.conf')
  writeFileSync(file, '# written by hand\n')
  const server = await RunningServer.start({ words: [file] })
  return {
    kind: 'haypile',
    port: server.port,
    get pid() {
      return server.pid
    },
    config: () => readFileSync(file, 'utf8').split('\n'),
    connect: () => server.connect(),
    call: (...sent) => server.call(...sent),
    kill9: () => server.kill9(),
    launch: () => server.launch(),
    async stop() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Starts a server without a master. `redisWords` are flags of a redis-server. */
export function startMember(kind: Kind, redisWords: readonly string[] = []): Promise<Member> {
  return kind === 'redis' ? startRedis(redisWords) : startHaypile()
}

/** Returns a field of INFO; an empty text if it is missing. */
export async function memberField(member: Pick<Member, 'call'>, name: string, section = 'replication'): Promise<string> {
  const text = (await member.call('INFO', section)) as string
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(text)?.[1] ?? ''
}

/** Waits until replicas have all data of the master. REQUIRES: no writer is at work. */
export async function membersInStep(master: Member, ...replicas: readonly Member[]): Promise<void> {
  for (const replica of replicas) {
    await until(`the ${replica.kind} on port ${replica.port} to be in step`, async () => {
      if ((await memberField(replica, 'master_link_status')) !== 'up') return false
      if ((await memberField(replica, 'master_port')) !== String(master.port)) return false
      return Number(await memberField(replica, 'slave_repl_offset')) >= Number(await memberField(master, 'master_repl_offset'))
    })
  }
}

/** A group of members. */
export interface MixedGroup {
  readonly all: readonly Member[]
  /** All members but one. */
  besides(member: Member): readonly Member[]
  on(port: number): Member
  stop(): Promise<void>
}

/** Starts members of these kinds. The first is the first master, and the others follow it. */
export async function startMixed(kinds: readonly Kind[], redisWords: readonly string[] = []): Promise<MixedGroup> {
  const all: Member[] = []
  for (const kind of kinds) all.push(await startMember(kind, redisWords))
  const [master, ...replicas] = all as [Member, ...Member[]]
  for (const replica of replicas) await replica.call('REPLICAOF', '127.0.0.1', master.port)
  await membersInStep(master, ...replicas)
  return {
    all,
    besides: (member) => all.filter((other) => other !== member),
    on: (port) => all.find((member) => member.port === port) as Member,
    async stop() {
      for (const member of all) await member.stop()
    },
  }
}
