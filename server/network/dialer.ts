/**
 * Connections to other servers: TCP, or TLS with this server's own certificate. `tls-replication`
 * decides for the master, and `tls-cluster` for MIGRATE, as in Redis.
 */
import { readFileSync } from 'node:fs'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import type { Dial, Wire } from '../../replication/protocol/wire.ts'
import type { Config } from '../config/config.ts'

export interface DialerHooks {
  onReceived(bytes: number): void
  onSent(bytes: number): void
}

const ENDED = 'the master closed the connection'
const SPEAKS_PLAIN = 'the master speaks plain text, not TLS: check tls-replication'
const SPEAKS_TLS = 'the master speaks TLS, not plain text: check tls-replication'
/** A plain-text server may wait for the end of a line forever. */
const HANDSHAKE_TIMEOUT_MS = 5000
const NO_HANDSHAKE = `no TLS handshake within ${HANDSHAKE_TIMEOUT_MS / 1000} s: the master may speak plain text, check tls-replication`
/** The first byte of a TLS alert. */
const TLS_ALERT = 0x15
/**
 * The reasons given when the master closes a connection before it has sent anything. A TLS 1.3
 * server that rejects the client certificate does so, and so does one that receives plain text.
 */
const ENDED_BEFORE_DATA = {
  tls: `${ENDED} without sending data: it may not trust tls-cert-file`,
  plain: `${ENDED} without sending data: it may speak TLS, check tls-replication`,
}

export function dialer(config: Config, hooks: DialerHooks): Dial {
  return (host, port, events): Wire => {
    let open = true
    let hasHeard = false
    const closed = (reason: string) => {
      if (!open) return
      open = false
      clearTimeout(limit)
      socket.destroy()
      events.onClosed(reason)
    }
    const connected = () => {
      clearTimeout(limit)
      if (open) events.onConnected()
    }
    const isSecure = config.flag('tls-replication')
    let limit: NodeJS.Timeout | undefined
    const socket = connectTo(config, 'tls-replication', { host, port }, { connected, failed: closed })
    if (isSecure) {
      socket.on('connect', () => {
        if (open) limit = setTimeout(() => closed(NO_HANDSHAKE), HANDSHAKE_TIMEOUT_MS)
      })
    }
    const ended = () => closed(hasHeard ? ENDED : ENDED_BEFORE_DATA[isSecure ? 'tls' : 'plain'])
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' && !isSecure && !hasHeard) ended()
      else closed(reasonOf(error))
    })
    socket.on('end', ended)
    socket.on('close', () => closed('the connection was closed'))
    socket.on('data', (data: Buffer) => {
      if (!open) return
      if (!hasHeard && !isSecure && data[0] === TLS_ALERT) {
        closed(SPEAKS_TLS)
        return
      }
      hasHeard = true
      hooks.onReceived(data.length)
      events.onData(data)
    })
    return {
      send(data) {
        if (!open) return
        hooks.onSent(data.length)
        if (typeof data === 'string') socket.write(data, 'latin1')
        else socket.write(data)
      },
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close() {
        open = false
        clearTimeout(limit)
        socket.destroy()
      },
    }
  }
}

function reasonOf({ message, code }: NodeJS.ErrnoException): string {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') return SPEAKS_PLAIN
  return message === '' ? (code ?? 'connection error') : message
}

/** Connects by TLS if a key of the configuration says so. */
export function connectTo(
  config: Config,
  key: 'tls-replication' | 'tls-cluster',
  target: { readonly host: string; readonly port: number },
  { connected, failed }: { connected(): void; failed(reason: string): void },
): net.Socket {
  const options = { ...target, noDelay: true, keepAlive: true }
  if (!config.flag(key)) return net.connect(options, connected)
  let files: tls.ConnectionOptions
  try {
    files = tlsFiles(config)
  } catch (error) {
    rethrowAssertion(error)
    const socket = new net.Socket()
    setImmediate(() => failed(`${key}: ${errorText(error)}`))
    return socket
  }
  // As in Redis, the server's name is not compared with its certificate: a trusted authority
  // suffices.
  return tls.connect({ ...options, ...files, checkServerIdentity: () => undefined }, connected)
}

/** Throws the file system's error. */
function tlsFiles(config: Config): tls.ConnectionOptions {
  const [certificate, key, authority] = (['tls-cert-file', 'tls-key-file', 'tls-ca-cert-file'] as const).map((name) => config.path(name))
  const read = (path: string | undefined) => (path === undefined || path === '' ? null : readFileSync(path))
  const [cert, keyContent, ca] = [read(certificate), read(key), read(authority)]
  return {
    ...(cert === null ? {} : { cert }),
    ...(keyContent === null ? {} : { key: keyContent }),
    ...(ca === null ? {} : { ca }),
  }
}
