/**
 * haypile inside a Node program.
 *
 * ```ts
 * import { start } from 'haypile'
 * const server = await start({ port: 0, dir: './data' })
 * console.log(server.port)
 * await server.close()
 * ```
 */
import { systemClock } from '../base/clock.ts'
import { Config } from './config/config.ts'
import type { ConfigOptions } from './config/table.ts'
import { logIneffective } from './config/warnings.ts'
import { createLogger } from './logging/log.ts'
import { Node } from './node.ts'
import { fitCacheToHeap } from './process/heap.ts'

/**
 * Configuration keys by name or alias, with values as in the configuration file; numbers and flags
 * may be typed.
 */
export type StartOptions = ConfigOptions

export interface RunningServer {
  /** The TCP port: the one the system chose for 0. */
  readonly port: number
  /**
   * Finishes running commands, writes a checkpoint, and closes all connections and the data
   * directory.
   */
  close(): Promise<void>
}

/**
 * Starts a server. Rejects if the directory is in use, the port is taken, or the data is damaged.
 * `port: 0` lets the system choose a port. The option `warm-up` runs common commands on scratch
 * data first, as the program does, so that the first clients meet compiled code. A fatal error (a
 * disk that fails to sync) ends the process with status 1.
 */
export async function start(options: StartOptions = {}): Promise<RunningServer> {
  const config = new Config()
  const texts = Object.entries<string | number | boolean>({ loglevel: 'warning', 'warm-up': false, ...options }).map(
    ([name, value]) => [name, value === true ? 'yes' : value === false ? 'no' : String(value)] as const,
  )
  config.load(texts)
  const log = createLogger(config)
  logIneffective(config, log)
  fitCacheToHeap(config, log)
  let closed = false
  const node = await Node.start({
    config,
    log,
    clock: systemClock,
    zeroPort: config.number('port') === 0 ? 'any' : 'none',
    exit: (status) => {
      closed = true
      if (status !== 0) process.exit(status)
      log.close()
    },
  }).catch((error: unknown) => {
    log.close()
    throw error
  })
  return {
    port: node.port,
    async close() {
      if (!closed && (await node.close())) log.close()
    },
  }
}
