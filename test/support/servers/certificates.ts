/** Certificates of authorities that exist for one test. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface Certificates {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/**
 * Makes an authority for each name, and a certificate that it has signed, in a temporary directory.
 * Returns null if openssl is not installed.
 */
export function makeCertificates(...names: readonly string[]): { readonly of: (name: string) => Certificates; remove(): void } | null {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-certificates-'))
  const openssl = (...words: readonly string[]) => execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
  const remove = () => rmSync(directory, { recursive: true, force: true })
  const of = (name: string) => ({
    authority: join(directory, `${name}.crt`),
    certificate: join(directory, `of-${name}.crt`),
    key: join(directory, `of-${name}.key`),
  })
  try {
    for (const name of names) {
      const { authority, certificate, key } = of(name)
      const subject = ['-subj', `/CN=${name}`, '-days', '2', '-keyout', `${name}.key`, '-out', authority]
      openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject)
      openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', 'request.csr', '-subj', '/CN=node')
      const signer = ['-CA', authority, '-CAkey', `${name}.key`, '-CAcreateserial']
      openssl('x509', '-req', '-in', 'request.csr', ...signer, '-out', certificate, '-days', '2')
    }
    return { of, remove }
  } catch (error) {
    remove()
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** The settings of a server, by the names that haypile and Redis have for them. */
export function tlsFlags({ authority, certificate, key }: Certificates): Record<string, string> {
  return { 'tls-cert-file': certificate, 'tls-key-file': key, 'tls-ca-cert-file': authority }
}

/** Flags as words of redis-server. */
export function wordsOf(flags: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
}
