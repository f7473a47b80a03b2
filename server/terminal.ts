/** What a person at a terminal sees besides the log: colours or none, and once the server is ready how to connect and how to stop. */
import type { Config } from './config/config.ts'

const BOLD = '\u001b[1m'
const PLAIN = '\u001b[0m'

/** Whether text for this stream may have colours: a terminal has them where NO_COLOR (https://no-color.org) is not set. */
export function hasColours(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): boolean {
  const { NO_COLOR, TERM } = environment
  return stream.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
}

/** Whether the banner is for anybody: not in a file, in a pipe, or where JSON or nothing was asked for. */
export function wantsBanner(config: Config): boolean {
  return process.stdout.isTTY === true && config.text('logformat') !== 'json' && config.text('loglevel') !== 'nothing'
}

export interface Served {
  readonly version: string
  readonly port: number
  readonly tlsPort: number
  readonly keys: number
}

/** The lines of the banner, each ended. */
export function banner(config: Config, served: Served, style: 'coloured' | 'plain'): string {
  const strong = (text: string) => (style === 'coloured' ? `${BOLD}${text}${PLAIN}` : text)
  const client = clientOf(config, served)
  const lines = [`${strong(`haypile ${served.version}`)} serves ${served.keys} keys in ${config.path('dir')}`]
  if (client !== null) lines.push(`  connect   ${strong(client)}`)
  lines.push(`  stop      ${strong('Ctrl-C')}${client === null ? '' : `, or ${client} shutdown`}`)
  return `\n${lines.join('\n')}\n\n`
}

/** How redis-cli is called; null where nothing is listened on. */
function clientOf(config: Config, { port, tlsPort }: Served): string | null {
  const password = config.text('requirepass') === '' ? '' : ' --askpass'
  const socket = config.path('unixsocket')
  if (port > 0) return `redis-cli${hostOf(config)} -p ${port}${password}`
  if (tlsPort > 0) return `redis-cli --tls${hostOf(config)} -p ${tlsPort}${password}`
  return socket === '' ? null : `redis-cli -s ${socket}${password}`
}

/** The option for the host, where this machine's usual address is not listened on. */
function hostOf(config: Config): string {
  const addresses = (config.list('bind') as string[]).map((address) => address.replace(/^-/, ''))
  const isUsual = addresses.some((address) => ['*', '0.0.0.0', '127.0.0.1', 'localhost'].includes(address))
  if (isUsual || addresses.length === 0) return ''
  const [first] = addresses as [string]
  return ` -h ${first === '::*' || first === '::' ? '::1' : first}`
}
