/** The process title that `ps` shows. Node.js cuts it to the length of the command line. */
import { textOf } from '../../base/bytes.ts'
import type { Config } from '../config/config.ts'
import { expandTitle, type TitleVariables } from './title-template.ts'

const TITLE = 'haypile'

/** The configuration, and the ports that are bound; 0 for none. */
interface TitleSource {
  readonly config: Config
  readonly port: number
  readonly tlsPort: number
}

/**
 * Sets the process title from the configuration now and after each change, unless set-proc-title is
 * no. For a process that is the server's own.
 */
export function followProcessTitle(source: TitleSource): void {
  const { config } = source
  if (!config.flag('set-proc-title')) return
  config.follow('proc-title-template', (template) => {
    const title = expandTitle(textOf(template), variablesOf(source))
    if (title !== null) process.title = title
  })
}

function variablesOf({ config, port, tlsPort }: TitleSource): TitleVariables {
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
