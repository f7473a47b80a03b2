/** A master and two replicas that sentinels watch, each with its own configuration file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inStep, stopAll } from './replicated-servers.ts'
import { RunningServer } from './running-server.ts'

export interface WatchedServers {
  /** The first is the first master. */
  readonly all: readonly [RunningServer, RunningServer, RunningServer]
  readonly ports: readonly number[]
  /** All servers but one. */
  besides(server: RunningServer): readonly RunningServer[]
  on(port: number): RunningServer
  /** The current lines of a server's configuration file. */
  configOf(server: RunningServer): readonly string[]
  stop(): Promise<void>
}

export interface WatchedOptions {
  /** Lines for every server's file. */
  readonly config?: readonly string[]
  readonly auth?: readonly string[]
}

export async function startWatched({ config = [], auth }: WatchedOptions = {}): Promise<WatchedServers> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-watched-'))
  const files = new Map<RunningServer, string>()
  const start = async (...more: string[]) => {
    const file = join(directory, `${files.size}.conf`)
    writeFileSync(file, ['# written by hand', ...config, ...more, ''].join('\n'))
    const server = await RunningServer.start({ words: [file], ...(auth === undefined ? {} : { auth }) })
    files.set(server, file)
    return server
  }
  const one = await start()
  const [two, three] = [await start(`replicaof 127.0.0.1 ${one.port}`), await start(`replicaof 127.0.0.1 ${one.port}`)]
  await inStep(one, two, three)
  const all = [one, two, three] as const
  return {
    all,
    ports: all.map(({ port }) => port),
    besides: (server) => all.filter((other) => other !== server),
    on: (port) => all.find((server) => server.port === port) as RunningServer,
    configOf: (server) => readFileSync(files.get(server) as string, 'utf8').split('\n'),
    async stop() {
      await stopAll(...all)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
