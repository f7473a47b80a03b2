/** A data directory that no server has open, opened for an import or export. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { rethrowAssertion } from '../../base/assert.ts'
import { systemClock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import { Config } from '../config/config.ts'
import type { Logger } from '../logging/log.ts'
import type { Node } from '../node.ts'
import { ExchangeRefusal } from './refusal.ts'

/** The setting `databases` unless the command line says another number. */
export const DEFAULT_DATABASES = 16

export interface OfflineOptions {
  readonly directory: string
  readonly databases: number
  /** Writes warnings and errors of the storage for the operator. */
  readonly warn: (text: string) => void
}

/**
 * Opens a data directory without listening, with more settings of the configuration. Expired keys
 * stay: an export changes no key, and the commands of a log may give a key a later deadline. Throws
 * ExchangeRefusal.
 */
export async function openOffline(options: OfflineOptions, settings: readonly (readonly [string, string])[] = []): Promise<Node> {
  const { directory, databases, warn } = options
  const config = new Config()
  config.load([['dir', directory], ['databases', String(databases)], ['warm-up', 'no'], ...settings])
  const { Node } = await import('../node.ts') // the bulk of the program
  try {
    const node = await Node.startOffline({ config, log: logOf(warn), clock: systemClock, exit: (status) => process.exit(status) })
    node.parts.storage.expiry.isActive = false
    return node
  } catch (error) {
    rethrowAssertion(error)
    throw ExchangeRefusal.ofUsage(errorText(error))
  }
}

function logOf(warn: (text: string) => void): Logger {
  const line = (fields: object, text: string) => warn(`${text} ${JSON.stringify(fields)}`)
  return { debug() {}, info() {}, warn: line, error: line, reopen() {}, close() {}, droppedLines: 0 }
}

/** True if a server has used the directory. */
export function holdsData(directory: string): boolean {
  return existsSync(join(directory, 'CURRENT'))
}

/**
 * Returns a function that removes everything that came into a directory after this call. Throws
 * ExchangeRefusal for a file.
 */
export function noteEntries(directory: string): () => void {
  const wasThere = existsSync(directory)
  if (wasThere && !statSync(directory).isDirectory()) throw ExchangeRefusal.ofUsage(`${directory} is a file, and --dir names a directory`)
  const before = new Set(wasThere ? readdirSync(directory) : [])
  return () => {
    if (!existsSync(directory)) return
    for (const name of readdirSync(directory)) {
      if (!before.has(name)) rmSync(join(directory, name), { recursive: true, force: true })
    }
    if (!wasThere) rmSync(directory, { recursive: true, force: true })
  }
}
