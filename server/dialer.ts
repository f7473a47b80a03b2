/** Connections to a master: TCP, or TLS with this server's own certificate where `tls-replication` says so. */
import { readFileSync } from 'node:fs'
import * as net from 'node:net'
import * as tls from 'node:tls'
import type { Dial, Wire } from '../replication/link.ts'
import type { Config } from './config.ts'

export interface DialerHooks {
  received(bytes: number): void
  sent(bytes: number): void
}

const ENDED = 'the master closed the connection'
/** What TLS 1.3 shows of a certificate that the other side does not take. */
const ENDED_UNHEARD = `${ENDED} without a word: it may not trust tls-cert-file`

export function dialer(config: Config, hooks: DialerHooks): Dial {
  return (host, port, events): Wire => {
    let open = true
    let hasHeard = false
    const closed = (reason: string) => {
      if (!open) return
      open = false
      socket.destroy()
      events.closed(reason)
    }
    const connected = () => {
      if (open) events.connected()
    }
    const socket = connect(config, host, port, connected, closed)
    socket.on('error', (error: NodeJS.ErrnoException) => closed(error.message === '' ? (error.code ?? 'connection error') : error.message))
    socket.on('end', () => closed(hasHeard || !config.flag('tls-replication') ? ENDED : ENDED_UNHEARD))
    socket.on('close', () => closed('the connection was closed'))
    socket.on('data', (data: Buffer) => {
      if (!open) return
      hasHeard = true
      hooks.received(data.length)
      events.data(data)
    })
    return {
      send(data) {
        if (!open) return
        hooks.sent(data.length)
        if (typeof data === 'string') socket.write(data, 'latin1')
        else socket.write(data)
      },
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close() {
        open = false
        socket.destroy()
      },
    }
  }
}

function connect(config: Config, host: string, port: number, connected: () => void, failed: (reason: string) => void): net.Socket {
  const options = { host, port, noDelay: true, keepAlive: true }
  if (!config.flag('tls-replication')) return net.connect(options, connected)
  let files: tls.ConnectionOptions
  try {
    files = tlsFiles(config)
  } catch (error) {
    const socket = new net.Socket()
    setImmediate(() => failed(`tls-replication: ${(error as Error).message}`))
    return socket
  }
  // As in Redis, who the master is is not compared with its name: the authority that has signed for it is what counts.
  return tls.connect({ ...options, ...files, checkServerIdentity: () => undefined }, connected)
}

/** Throws the file system's error. */
function tlsFiles(config: Config): tls.ConnectionOptions {
  const [certificate, key, authority] = ['tls-cert-file', 'tls-key-file', 'tls-ca-cert-file'].map((name) => config.path(name))
  const read = (path: string | undefined) => (path === undefined || path === '' ? null : readFileSync(path))
  const [cert, keyContent, ca] = [read(certificate), read(key), read(authority)]
  return {
    ...(cert === null ? {} : { cert }),
    ...(keyContent === null ? {} : { key: keyContent }),
    ...(ca === null ? {} : { ca }),
  }
}
