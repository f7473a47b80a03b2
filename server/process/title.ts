/** The process title that `ps` shows. Node.js cuts it to the length of the command line. */
import { textOf } from '../../base/bytes.ts'
import type { Config } from '../config/config.ts'
import { expandTitle, type TitleVariables } from './title-template.ts'

const TITLE = 'haypile'

/** The bound ports; 0 for none. */
interface BoundPorts {
  readonly port: number
  readonly tlsPort: number
}

/**
 * Sets the process title from the configuration now and after each change, unless set-proc-title is
 * no. For a process that is the server's own.
 */
export function followProcessTitle(config: Config, bound: BoundPorts): void {
  if (!config.flag('set-proc-title')) return
  config.observe('proc-title-template', (template) => {
    const title = expandTitle(textOf(template), variablesOf(config, bound))
    if (title !== null) process.title = title
  })
}

function variablesOf(config: Config, { port, tlsPort }: BoundPorts): TitleVariables {
  const [address = '*'] = config.list('bind')
  const unixsocket = textOf(config.text('unixsocket'))
  const listening = port || tlsPort
  return {
    title: TITLE,
    'listen-addr': listening === 0 ? unixsocket : `${textOf(address)}:${listening}`,
    'server-mode': '',
    port: String(port),
    'tls-port': String(tlsPort),
    unixsocket,
    'config-file': config.filePath ?? '',
  }
}
