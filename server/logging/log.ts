/**
 * The log, on pino: a line of JSON for each message, or readable lines on a terminal. Lines are
 * written synchronously in this thread, so that the last ones of a dying process are kept.
 *
 * A log that cannot be written (a full disk, a reader that has gone) never stops the server. Up to
 * MAX_KEPT_BYTES of lines wait in memory and are written once the log accepts lines again. Further
 * lines are dropped and counted: INFO has the count (`log_lines_dropped`), and a later warning
 * gives it.
 */

import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DestinationStream, pino } from 'pino'
import { must, rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import { lazyPackage } from '../../base/lazy-package.ts'
import type { Log } from '../../base/log.ts'
import type { Config } from '../config/config.ts'
import { hasColours } from '../terminal.ts'

const LEVELS: Readonly<Record<string, string>> = { debug: 'debug', verbose: 'debug', notice: 'info', warning: 'warn', nothing: 'silent' }

/** Bytes of lines kept while the log cannot be written. */
const MAX_KEPT_BYTES = 256 * 1024

export interface Logger extends Log {
  /** Opens the log file again after it was moved. Keeps the old one if that fails. */
  reopen(): void
  /** Closes the log file. Discards later lines. Later calls have no effect. */
  close(): void
  /** Lines dropped since the start. */
  readonly droppedLines: number
}

/**
 * Creates a log by loglevel, logfile and logformat, and follows CONFIG SET loglevel. Throws if the
 * file cannot be opened.
 */
export function createLogger(config: Config): Logger {
  const path = config.path('logfile')
  if (path !== '') requireWritable(path)
  const file = pino.destination({ dest: path === '' ? 1 : path, sync: true, append: true, mkdir: true, maxLength: MAX_KEPT_BYTES })
  const format = config.text('logformat')
  const pretty = format === 'pretty' || (format === 'auto' && path === '' && process.stdout.isTTY === true)
  const destination: DestinationStream = pretty ? prettyStream(file, path === '' && hasColours(process.stdout)) : file
  const logger = pino({ base: { pid: process.pid } }, destination)
  config.observe('loglevel', (level) => {
    logger.level = must(LEVELS[level])
  })
  let isClosed = false
  const dropped = countDropped(file, (lines) => logger.warn({ lines }, 'log lines were dropped: the log could not be written'))
  return {
    debug: (fields, text) => logger.debug(fields, text),
    info: (fields, text) => logger.info(fields, text),
    warn: (fields, text) => logger.warn(fields, text),
    error: (fields, text) => logger.error(fields, text),
    get droppedLines() {
      return dropped()
    },
    reopen: () => {
      if (path === '') return
      try {
        file.reopen()
      } catch (error) {
        rethrowAssertion(error)
        logger.error({ error: String(error) }, 'cannot reopen the log file, writing to the old one')
      }
    },
    close: () => {
      if (isClosed) return
      isClosed = true
      logger.level = 'silent'
      if (path !== '') file.end()
    },
  }
}

/** Throws if the file cannot be opened, with a line for the operator. */
function requireWritable(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    closeSync(openSync(path, 'a'))
  } catch (error) {
    throw new Error(`cannot open the log file ${path}: ${errorText(error)}`)
  }
}

/**
 * Ignores errors of writing. Calls `report` with the number of dropped lines once the log can be
 * written again. Returns a function that returns the total.
 */
function countDropped(file: ReturnType<typeof pino.destination>, report: (lines: number) => void): () => number {
  let dropped = 0
  let all = 0
  file.on('error', () => {}) // the line stays in memory, see above
  file.on('drop', () => {
    dropped++
    all++
  })
  file.on('write', () => {
    if (dropped === 0) return
    const lines = dropped
    dropped = 0
    queueMicrotask(() => report(lines))
  })
  return () => all
}

/** Formats each line synchronously; pino-pretty's own stream would write it later. */
function prettyStream(destination: DestinationStream, colorize: boolean): DestinationStream {
  const { prettyFactory } = lazyPackage<typeof import('pino-pretty')>('pino-pretty')
  const format = prettyFactory({ colorize, ignore: 'pid', translateTime: 'SYS:HH:MM:ss.l', singleLine: true })
  return { write: (line) => destination.write(format(line)) }
}
