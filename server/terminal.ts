/**
 * Terminal output besides the log: colours, and a banner with how to connect and stop, printed once
 * the server is ready.
 */
import type { Config } from './config/config.ts'

const BOLD = '\u001b[1m'
const PLAIN = '\u001b[0m'

/**
 * True if text for this stream may have colours: the stream is a terminal, and NO_COLOR
 * (https://no-color.org) is not set.
 */
export function hasColours(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): boolean {
  const { NO_COLOR, TERM } = environment
  return stream.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
}

/**
 * True if the banner is wanted: standard output is a terminal, and neither JSON nor silence is
 * configured.
 */
export function wantsBanner(config: Config): boolean {
  return process.stdout.isTTY === true && config.text('logformat') !== 'json' && config.text('loglevel') !== 'nothing'
}

export interface Served {
  readonly version: string
  readonly port: number
  readonly tlsPort: number
  readonly keys: number
}

/** Returns the banner, with line ends. */
export function banner(config: Config, served: Served, style: 'coloured' | 'plain'): string {
  const strong = (text: string) => (style === 'coloured' ? `${BOLD}${text}${PLAIN}` : text)
  const client = clientOf(config, served)
  const lines = [`${strong(`haypile ${served.version}`)} serves ${served.keys} keys in ${config.path('dir')}`]
  if (client !== null) lines.push(`  connect   ${strong(client)}`)
  lines.push(`  stop      ${strong('Ctrl-C')}${client === null ? '' : `, or ${client} shutdown`}`)
  return `\n${lines.join('\n')}\n\n`
}

/** Returns the redis-cli command for this server; null if nothing listens. */
function clientOf(config: Config, { port, tlsPort }: Served): string | null {
  const password = config.text('requirepass') === '' ? '' : ' --askpass'
  const socket = config.path('unixsocket')
  if (port > 0) return `redis-cli${hostOf(config)} -p ${port}${password}`
  if (tlsPort > 0) return `redis-cli --tls${hostOf(config)} -p ${tlsPort}${password}`
  return socket === '' ? null : `redis-cli -s ${socket}${password}`
}

/** Returns redis-cli's host option; empty if this machine's usual address is bound. */
function hostOf(config: Config): string {
  const addresses = config.list('bind').map((address) => address.replace(/^-/, ''))
  const isUsual = addresses.some((address) => ['*', '0.0.0.0', '127.0.0.1', 'localhost'].includes(address))
  if (isUsual || addresses.length === 0) return ''
  const [first] = addresses as [string]
  return ` -h ${first === '::*' || first === '::' ? '::1' : first}`
}
