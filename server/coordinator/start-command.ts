/**
 * `haypile cluster start`: a whole cluster on one machine, for development and for many cores. It
 * runs each node and, unless one is named, an etcd as processes of their own, and a coordinator in
 * this process. A signal ends all of them; the next start continues with the data.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../base/log.ts'
import { EtcdError } from '../etcd/etcd-error.ts'
import { runCluster } from './cluster-command.ts'
import type { CommandOutput } from './command-output.ts'
import { openCluster, startCoordinator } from './coordinator-command.ts'

const HOST = '127.0.0.1'
const POLL_MS = 200
const START_TIMEOUT_MS = 60_000
/** The time that a process has to end after SIGTERM. */
const END_TIMEOUT_MS = 30_000

export interface LocalCluster {
  readonly shards: number
  readonly replicas: number
  readonly directory: string
  /** The first of consecutive ports. */
  readonly port: number
  /** The endpoints of an etcd; null starts one behind the ports of the nodes. */
  readonly etcd: string | null
  readonly cluster: string
  /** The program that serves a node, and its first words. */
  readonly program: readonly string[]
}

/** A process of the cluster. */
interface LocalProcess {
  readonly name: string
  readonly child: ChildProcess
  readonly ended: Promise<void>
}

/** Runs a cluster until SIGTERM, SIGINT or the end of a process. Resolves with the exit status. */
export async function runLocalCluster(local: LocalCluster, log: Log, output: CommandOutput): Promise<number> {
  const members: LocalProcess[] = []
  const signalled = new Promise<'signal'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve('signal'))
  })
  const count = local.shards * (local.replicas + 1)
  const nodes = Array.from({ length: count }, (_, i) => local.port + i)
  const etcd = local.etcd ?? `http://${HOST}:${local.port + count}`
  const place = { etcd, cluster: local.cluster, credentials: [] }
  mkdirSync(local.directory, { recursive: true })
  if (local.etcd === null) members.push(startEtcd(local, local.port + count))
  for (const port of nodes) members.push(startNode(local, port, etcd))
  const coordinator = startCoordinator(place, log)
  let status = 0
  let isOver = false
  try {
    const failed = Promise.race(members.map(async ({ name, ended }) => ended.then(() => name)))
    const ready = prepare(place, nodes, local, { output, isOver: () => isOver }).then(() => 'ready' as const)
    let event = await Promise.race([signalled, failed, ready])
    if (event === 'ready') {
      output.out(`a cluster of ${local.shards} shards is ready: redis-cli -c -p ${local.port}; Ctrl-C stops it\n`)
      event = await Promise.race([signalled, failed])
    }
    if (event !== 'signal') {
      output.error(`haypile: ${event} has ended, stopping the cluster; its log is in ${local.directory}\n`)
      status = 1
    }
  } finally {
    isOver = true
    await coordinator.close()
    for (const member of members.reverse()) await end(member)
  }
  return status
}

function startEtcd({ directory }: LocalCluster, port: number): LocalProcess {
  const [client, peer] = [`http://${HOST}:${port}`, `http://${HOST}:${port + 1}`]
  const words = [
    ...['--name', 'haypile', '--data-dir', join(directory, 'etcd'), '--logger', 'zap', '--log-outputs', join(directory, 'etcd.log')],
    ...['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer],
    ...['--initial-advertise-peer-urls', peer, '--initial-cluster', `haypile=${peer}`, '--auto-compaction-retention', '1h'],
  ]
  return started('etcd', 'etcd', words)
}

function startNode({ directory, cluster, program }: LocalCluster, port: number, etcd: string): LocalProcess {
  const [command = '', ...first] = program
  const name = `node-${port}`
  const words = [
    ...[...first, '--port', String(port), '--bind', HOST, '--dir', join(directory, name), '--logfile', join(directory, `${name}.log`)],
    ...['--cluster-enabled', 'yes', '--cluster-etcd', etcd, '--cluster-name', cluster],
  ]
  return started(name, command, words)
}

function started(name: string, command: string, words: readonly string[]): LocalProcess {
  const child = spawn(command, words, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
  return { name, child, ended }
}

async function end({ child, ended }: LocalProcess): Promise<void> {
  const limit = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
  child.kill('SIGTERM')
  await ended
  clearTimeout(limit)
}

/** Creates the cluster, unless it exists, and waits until every node is well. */
async function prepare(
  place: Parameters<typeof openCluster>[0],
  nodes: readonly number[],
  { replicas }: LocalCluster,
  { output, isOver }: { readonly output: CommandOutput; isOver(): boolean },
): Promise<void> {
  let failure = ''
  const quiet: CommandOutput = {
    out: () => {},
    error: (text) => {
      failure = text
    },
  }
  const request = { action: 'create', nodes: nodes.map((port) => `${HOST}:${port}`), replicas } as const
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS && !isOver(); waitedMs += POLL_MS) {
    if (await isCreated(place)) {
      if ((await runCluster(place, { action: 'status' }, false, quiet)) === 0) return
    } else await runCluster(place, request, false, quiet)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  if (!isOver()) output.error(failure === '' ? 'haypile: the cluster is not well: see haypile cluster status\n' : failure)
}

async function isCreated(place: Parameters<typeof openCluster>[0]): Promise<boolean> {
  const { etcd, keys } = openCluster(place)
  try {
    return (await etcd.find(keys.map)).value !== null
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error
    return false
  } finally {
    etcd.close()
  }
}
