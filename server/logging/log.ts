/**
 * The log, on pino: a line of JSON a message, or lines for people on a terminal. Everything is written at once in this thread, so that the
 * last words of a process that dies are there.
 *
 * A log that cannot be written (a full disk, a reader that has gone) never stops the server. Lines wait in
 * memory, KEPT_BYTES of them at most, and are written when the log takes lines again; those beyond are
 * dropped and counted: INFO has the count (`log_lines_dropped`), and a warning says it when the log takes lines again.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DestinationStream, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Log } from '../../base/log.ts'
import type { Config } from '../config/config.ts'
import { hasColours } from '../terminal.ts'

const LEVELS: Readonly<Record<string, string>> = { debug: 'debug', verbose: 'debug', notice: 'info', warning: 'warn', nothing: 'silent' }

/** Bytes of lines that wait for a log that cannot be written. */
const KEPT_BYTES = 256 * 1024

export interface Logger extends Log {
  /** Opens the log file again, after something has moved it away. Keeps the old one where that fails. */
  reopen(): void
  /** Lines that were dropped since the start. */
  readonly droppedLines: number
}

/** A log by loglevel, logfile and logformat. Follows CONFIG SET loglevel. Throws when the file cannot be opened. */
export function createLogger(config: Config): Logger {
  const path = config.path('logfile')
  if (path !== '') requireWritable(path)
  const file = pino.destination({ dest: path === '' ? 1 : path, sync: true, append: true, mkdir: true, maxLength: KEPT_BYTES })
  const format = config.text('logformat')
  const pretty = format === 'pretty' || (format === 'auto' && path === '' && process.stdout.isTTY === true)
  const destination: DestinationStream = pretty ? prettyStream(file, path === '' && hasColours(process.stdout)) : file
  const logger = pino({ base: { pid: process.pid } }, destination)
  config.follow<string>('loglevel', (level) => {
    logger.level = LEVELS[level] as string
  })
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
        logger.error({ error: String(error) }, 'cannot reopen the log file, writing to the old one')
      }
    },
  }
}

/** Throws where the file cannot be opened, with a line for people. */
function requireWritable(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    closeSync(openSync(path, 'a'))
  } catch (error) {
    throw new Error(`cannot open the log file ${path}: ${(error as Error).message}`)
  }
}

/** Survives errors of writing. Calls `report` with the number of lines dropped once the log can be written again. Returns what counts all of
 *  them. */
function countDropped(file: ReturnType<typeof pino.destination>, report: (lines: number) => void): () => number {
  let dropped = 0
  let all = 0
  file.on('error', () => {}) // the line waits in memory, see above
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

/** pino-pretty's own stream would hand lines on later; its formatter is called here at once. */
function prettyStream(destination: DestinationStream, colorize: boolean): DestinationStream {
  const format = prettyFactory({ colorize, ignore: 'pid', translateTime: 'SYS:HH:MM:ss.l', singleLine: true })
  return { write: (line) => destination.write(format(line)) }
}
