/**
 * The log, on pino: a line of JSON a message, or lines for people on a terminal. Everything is written at once in this thread, so that the
 * last words of a process that dies are there.
 */
import { type DestinationStream, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Log } from '../storage/log.ts'
import type { Config } from './config.ts'

const LEVELS: Readonly<Record<string, string>> = { debug: 'debug', verbose: 'debug', notice: 'info', warning: 'warn', nothing: 'silent' }

export interface Logger extends Log {
  /** Opens the log file again, after something has moved it away. */
  reopen(): void
}

/** A log by loglevel, logfile and logformat. Follows CONFIG SET loglevel. Throws when the file cannot be opened. */
export function createLogger(config: Config): Logger {
  const path = config.path('logfile')
  const file = pino.destination({ dest: path === '' ? 1 : path, sync: true, append: true, mkdir: true })
  const format = config.text('logformat')
  const pretty = format === 'pretty' || (format === 'auto' && path === '' && process.stdout.isTTY === true)
  const destination: DestinationStream = pretty ? prettyStream(file, path === '' && process.stdout.isTTY === true) : file
  const logger = pino({ base: { pid: process.pid } }, destination)
  config.follow<string>('loglevel', (level) => {
    logger.level = LEVELS[level] as string
  })
  return {
    debug: (fields, text) => logger.debug(fields, text),
    info: (fields, text) => logger.info(fields, text),
    warn: (fields, text) => logger.warn(fields, text),
    error: (fields, text) => logger.error(fields, text),
    reopen: () => {
      if (path !== '') file.reopen()
    },
  }
}

/** pino-pretty's own stream would hand lines on later; its formatter is called here at once. */
function prettyStream(destination: DestinationStream, colorize: boolean): DestinationStream {
  const format = prettyFactory({ colorize, ignore: 'pid', translateTime: 'SYS:HH:MM:ss.l', singleLine: true })
  return { write: (line) => destination.write(format(line)) }
}
