/** The connections that MONITOR, and the lines that they get. */
import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Client } from '../../commands/contract/session.ts'
import type { MonitorsPort } from '../../commands/execution/executor-hooks.ts'
import { redacted } from '../logging/redact.ts'
import { isUnix } from './client-line.ts'

/** A connection that gets a line for each command. */
interface Monitor {
  appendText(line: Bytes): void
}

/** The connections that MONITOR. */
export class Monitors implements MonitorsPort {
  /** A field, since the executor reads it for each command. */
  count = 0
  private readonly monitors = new Set<Monitor>()
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  add(monitor: Monitor): void {
    this.monitors.add(monitor)
    this.count = this.monitors.size
  }

  delete(monitor: Monitor): void {
    this.monitors.delete(monitor)
    this.count = this.monitors.size
  }

  show(client: Client, args: readonly Bytes[]): void {
    const line = monitorLine(this.clock.wallMs(), client, redacted(args))
    for (const monitor of this.monitors) monitor.appendText(line)
  }
}

/** Formats the line of MONITOR: time, database, address, quoted words. */
function monitorLine(atMs: number, client: Client, args: readonly Bytes[]): Bytes {
  const address = isUnix(client) ? `unix:${client.address.replace(/:0$/, '')}` : client.address
  const time = `${Math.floor(atMs / 1000)}.${String(atMs % 1000).padStart(3, '0')}000`
  return `+${time} [${client.database} ${address}] ${args.map(quoted).join(' ')}\r\n`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
  '"': '\\"',
  '\\': '\\\\',
}

/** Quotes bytes as Redis does: printable ASCII unchanged, the rest escaped. */
function quoted(bytes: Bytes): Bytes {
  let result = '"'
  for (const char of bytes) {
    const code = char.charCodeAt(0)
    result += ESCAPES[char] ?? (code >= 32 && code < 127 ? char : `\\x${code.toString(16).padStart(2, '0')}`)
  }
  return `${result}"`
}
