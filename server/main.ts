#!/usr/bin/env node
/** The `haypile` program. */
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { endOnFailure } from '../base/assert.ts'
import { systemClock } from '../base/clock.ts'
import { errorText } from '../base/error-text.ts'
import { HAYPILE_VERSION } from '../commands/contract/version.ts'
import { runCheck } from './check-command.ts'
import { type CommandLineActions, runCommandLine } from './command-line.ts'
import { Config } from './config/config.ts'
import { logIneffective } from './config/warnings.ts'
import type { ExchangeOutput } from './exchange/import-command.ts'
import { createLogger, type Logger } from './logging/log.ts'
import { collectSooner, fitCacheToHeap, logSmallDefault, machineOfProgram, restartIfHeapIsSmall } from './process/heap.ts'
import { followProcessTitle } from './process/title.ts'
import { banner, hasColours, wantsBanner } from './terminal.ts'

async function serve(config: Config): Promise<void> {
  restartIfHeapIsSmall(config)
  collectSooner()
  const { Node } = await import('./node.ts') // the bulk of the program, loaded only after a restart
  process.umask(config.number('umask'))
  const log = openLog(config)
  logIneffective(config, log)
  fitCacheToHeap(config, log)
  const endForBug = (error: Error) => {
    log.error({ error: error.stack }, 'unexpected error (a bug); exiting now, the next start recovers from the data on disk')
    process.exit(1)
  }
  process.on('uncaughtException', endForBug)
  endOnFailure(endForBug)
  let node: Awaited<ReturnType<typeof Node.start>>
  try {
    node = await Node.start({ config, log, clock: systemClock, zeroPort: 'none', exit: (status) => process.exit(status) })
  } catch (error) {
    log.error({}, `haypile cannot start: ${errorText(error)}`)
    process.exit(1)
  }
  followProcessTitle(config, node.parts.state)
  logSmallDefault(config, log)
  const pidFile = config.path('pidfile')
  if (pidFile !== '') {
    try {
      writePidFile(pidFile)
      process.on('exit', () => rmSync(pidFile, { force: true }))
    } catch (error) {
      log.warn({ error: String(error) }, 'cannot write the pid file, continuing without one; check pidfile')
    }
  }
  process.on('SIGHUP', () => log.reopen())
  for (const [signal, key] of [
    ['SIGTERM', 'shutdown-on-sigterm'],
    ['SIGINT', 'shutdown-on-sigint'],
  ] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'shutting down')
      node.close(config.list(key).includes('nosave') ? 'nosave' : 'save').then(
        (closed) => {
          if (closed) process.exit(0)
        },
        (error) => {
          log.error({ error: String(error) }, 'shutdown failed; exiting now, the next start recovers from the data on disk')
          process.exit(1)
        },
      )
    })
  }
  if (wantsBanner(config)) {
    const { port, tlsPort, recoveredKeys: keys } = node.parts.state
    process.stdout.write(
      banner(config, { version: HAYPILE_VERSION, port, tlsPort, keys }, hasColours(process.stdout) ? 'coloured' : 'plain'),
    )
  }
}

/**
 * Writes the pid file. Like Redis's, a new one is readable by everyone despite the umask, for
 * service managers and monitors of other users.
 */
function writePidFile(path: string): void {
  const isNew = !existsSync(path)
  writeFileSync(path, `${process.pid}\n`)
  if (isNew) chmodSync(path, 0o644)
}

/** Sets a private umask: repaired files hold user data. */
const checkPrivately: typeof runCheck = (...words) => {
  process.umask(0o077)
  return runCheck(...words)
}

/** Sets a private umask, as files hold user data, and loads the parts that only a tool needs. */
const importPrivately: CommandLineActions['import'] = async (source, options) => {
  process.umask(0o077)
  collectSooner()
  const { runImport } = await import('./exchange/import-command.ts')
  return runImport(source, options, processOutput)
}

/** Sets a private umask for the exported file. */
const exportPrivately: CommandLineActions['export'] = async (file, options) => {
  process.umask(0o077)
  collectSooner()
  const { runExport } = await import('./exchange/export-command.ts')
  return runExport(file, options, processOutput)
}

/** The words of AUTH for the nodes of a cluster, as redis-cli takes them. */
function nodeCredentials(): readonly string[] {
  const { REDISCLI_AUTH: password = '' } = process.env
  return password === '' ? [] : [password]
}

const coordinate: CommandLineActions['coordinator'] = async (place) => {
  const { runCoordinator } = await import('./coordinator/coordinator-command.ts')
  const log = openLog(new Config({ machine: machineOfProgram() }))
  return runCoordinator({ ...place, credentials: nodeCredentials() }, log)
}

const operate: CommandLineActions['cluster'] = async (place, request, output) => {
  const { runCluster } = await import('./coordinator/cluster-command.ts')
  return runCluster({ ...place, credentials: nodeCredentials() }, request, output === 'json', processOutput)
}

const runLocally: CommandLineActions['localCluster'] = async ({ shards, replicas, dir, port, cluster, etcd }) => {
  const { runLocalCluster } = await import('./coordinator/start-command.ts')
  const log = openLog(new Config({ machine: machineOfProgram() }))
  const program = [process.execPath, process.argv[1] ?? '']
  return runLocalCluster({ shards, replicas, directory: resolve(dir), port, etcd: etcd ?? null, cluster, program }, log, processOutput)
}

const processOutput: ExchangeOutput = {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
  hasProgressBar: process.stderr.isTTY === true,
}

function openLog(config: Config): Logger {
  try {
    return createLogger(config)
  } catch (error) {
    process.stderr.write(`haypile: ${errorText(error)}\n`)
    process.exit(1)
  }
}

const status = await runCommandLine(process.argv.slice(2), {
  version: HAYPILE_VERSION,
  start: serve,
  check: checkPrivately,
  import: importPrivately,
  export: exportPrivately,
  coordinator: coordinate,
  cluster: operate,
  localCluster: runLocally,
})
if (status !== 0) process.exitCode = status
