/** Binds the sockets that the configuration names. */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Config } from '../config/config.ts'
import type { Listener } from '../network/listener.ts'

/**
 * Returns the bound ports; 0 for none. `zeroPort` says what a configured port 0 means: `any` lets
 * the system choose a port. Rejects with a line of text for the operator.
 */
export async function listenAsConfigured(
  listener: Listener,
  config: Config,
  zeroPort: 'any' | 'none',
): Promise<{ readonly port: number; readonly tlsPort: number }> {
  const wanted = config.number('port')
  try {
    return await listener.listen(
      {
        addresses: config.list('bind'),
        port: wanted > 0 || zeroPort === 'any' ? wanted : null,
        backlog: config.number('tcp-backlog'),
        unixSocket: config.path('unixsocket'),
        unixPermissions: config.number('unixsocketperm'),
        keepAliveSeconds: config.number('tcp-keepalive'),
      },
      {
        port: config.number('tls-port'),
        certFile: config.path('tls-cert-file'),
        keyFile: config.path('tls-key-file'),
        caFile: config.path('tls-ca-cert-file'),
        authClients: config.text('tls-auth-clients'),
      },
    )
  } catch (error) {
    rethrowAssertion(error)
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new Error(`port in use: ${message.replace(/^listen EADDRINUSE: /, '')}`)
    throw new Error(`cannot listen: ${message}`)
  }
}
