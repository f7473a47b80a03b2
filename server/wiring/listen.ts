/** Binds the sockets that the configuration names. */
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import type { Config } from '../config/config.ts'
import type { Listener, ListenSettings, TlsSettings } from '../network/listener.ts'
import type { SocketThreads } from '../threads/socket-threads.ts'

/** The TCP ports that are bound; 0 for none. */
export interface ListeningPorts {
  readonly port: number
  readonly tlsPort: number
}

export interface ListeningParts {
  readonly config: Config
  readonly listener: Listener
  readonly socketThreads: SocketThreads
}

/**
 * Returns the bound ports; 0 for none. `zeroPort` says what a configured port 0 means: `any` lets
 * the system choose a port. Rejects with a line of text for the operator.
 */
export async function listenAsConfigured(listener: Listener, config: Config, zeroPort: 'any' | 'none'): Promise<ListeningPorts> {
  try {
    return await listener.listen(listenSettings(config, zeroPort), tlsSettings(config))
  } catch (error) {
    rethrowAssertion(error)
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new Error(`port in use: ${message.replace(/^listen EADDRINUSE: /, '')}`)
    throw new Error(`cannot listen: ${message}`)
  }
}

/**
 * With io-threads, hands the bound ports over to the socket threads. The main thread has bound them
 * first, alone, so that a port in use is found: threads share theirs with anyone of the same user.
 */
export async function listenOnThreads(
  { config, listener, socketThreads }: ListeningParts,
  { port, tlsPort }: ListeningPorts,
): Promise<void> {
  const count = config.number('io-threads') - 1
  if (count === 0) return
  listener.releasePorts()
  const settings = { ...listenSettings(config, 'none'), port: port > 0 ? port : null, unixSocket: '', isShared: true }
  try {
    await socketThreads.start(count, settings, { ...tlsSettings(config), port: tlsPort })
  } catch (error) {
    rethrowAssertion(error)
    throw new Error(`cannot listen with io-threads: ${errorText(error)}`)
  }
}

function listenSettings(config: Config, zeroPort: 'any' | 'none'): ListenSettings {
  const wanted = config.number('port')
  return {
    addresses: config.list('bind'),
    port: wanted > 0 || zeroPort === 'any' ? wanted : null,
    backlog: config.number('tcp-backlog'),
    unixSocket: config.path('unixsocket'),
    unixPermissions: config.number('unixsocketperm'),
    keepAliveSeconds: config.number('tcp-keepalive'),
    isShared: false,
  }
}

function tlsSettings(config: Config): TlsSettings {
  return {
    port: config.number('tls-port'),
    certFile: config.path('tls-cert-file'),
    keyFile: config.path('tls-key-file'),
    caFile: config.path('tls-ca-cert-file'),
    authClients: config.text('tls-auth-clients'),
  }
}
