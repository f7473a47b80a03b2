/** The files of `--cacert`, `--cert` and `--key`, for servers that are named as rediss://. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'
import { rethrowAssertion } from '../../../base/assert.ts'
import { errorText } from '../../../base/error-text.ts'
import { ExchangeRefusal } from '../refusal.ts'

/** Paths of PEM files, by the names that redis-cli has for them. */
export interface TlsFiles {
  readonly cacert?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** True if a file is named. */
export function hasFiles({ cacert, cert, key }: TlsFiles): boolean {
  return cacert !== undefined || cert !== undefined || key !== undefined
}

/** Throws ExchangeRefusal if files are named and no server is reached by TLS. */
export function mustBeOfUse(files: TlsFiles, ...places: readonly string[]): void {
  if (!hasFiles(files) || places.some((place) => place.startsWith('rediss://'))) return
  throw ExchangeRefusal.ofUsage('--cacert, --cert and --key are for servers that are named as rediss://')
}

/**
 * Returns the options of a connection. With `--cacert`, the host name is not compared with the
 * server's certificate, as in redis-cli: the authority suffices. Throws ExchangeRefusal.
 */
export function tlsOptionsOf({ cacert, cert, key }: TlsFiles): tls.ConnectionOptions {
  if ((cert === undefined) !== (key === undefined)) throw ExchangeRefusal.ofUsage('--cert and --key go together')
  const trust = cacert === undefined ? {} : { ca: certificateIn('--cacert', cacert) }
  const own = cert === undefined || key === undefined ? {} : { cert: certificateIn('--cert', cert), key: contentOf('--key', key) }
  const secureContext = usable(`--key ${key} does not belong to --cert ${cert}`, () => tls.createSecureContext({ ...trust, ...own }))
  return { secureContext, ...(cacert === undefined ? {} : { checkServerIdentity: () => undefined }) }
}

function contentOf(option: string, path: string): Buffer {
  return usable(`${option} ${path} cannot be read`, () => readFileSync(path))
}

function certificateIn(option: string, path: string): Buffer {
  const content = contentOf(option, path)
  usable(`${option} ${path} is no certificate in PEM`, () => new X509Certificate(content))
  return content
}

function usable<T>(complaint: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    rethrowAssertion(error)
    throw ExchangeRefusal.ofUsage(`${complaint}: ${errorText(error)}`)
  }
}
