/**
 * etcd's JSON gateway (`/v3/...`, etcd 3.4 and later) over HTTP/1.1: one request at a time on kept
 * connections, a list of endpoints, and time limits.
 *
 * An endpoint that does not answer in time loses its place to the next one. A request that may be
 * repeated is then sent there; so is one that has certainly not been executed. Any other request
 * fails, and its outcome is unknown: the caller reads what etcd has.
 */
import * as http from 'node:http'
import { addressText } from '../../base/address-text.ts'
import { at, rethrowAssertion } from '../../base/assert.ts'
import { type JsonObject, objectOf, textOf } from './answers.ts'
import { EtcdError } from './etcd-error.ts'

/** Answers are a few keys; a map of the largest cluster has less than 1 MiB. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const DEFAULT_PORT = 2379
/** gRPC codes of a member that cannot reach the others: DEADLINE_EXCEEDED and UNAVAILABLE. */
const UNAVAILABLE_CODES: readonly unknown[] = [4, 14]

export interface EtcdEndpoint {
  readonly host: string
  readonly port: number
}

/** Reads `http://host:port,http://host:port`. Throws EtcdError with a line of text. */
export function endpointsOf(text: string): readonly EtcdEndpoint[] {
  const endpoints = text.split(',').map((word) => endpointOf(word.trim()))
  if (new Set(endpoints.map(addressText)).size < endpoints.length) throw new EtcdError('refused', 'an endpoint of etcd is named twice')
  return endpoints
}

function endpointOf(text: string): EtcdEndpoint {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.protocol !== 'http:' || url.pathname !== '/' || url.username !== '' || url.search !== '') {
    throw new EtcdError('refused', `an endpoint of etcd is named as http://host:port, not '${text}'`)
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? portOf(text) : Number(url.port) }
}

/** A URL drops the port 80 of `http:`, where it is named. */
const portOf = (text: string) => (/:80\/?$/.test(text) ? 80 : DEFAULT_PORT)

export interface GatewayOptions {
  readonly endpoints: readonly EtcdEndpoint[]
  /** The limit for an answer, for each endpoint that is tried. */
  readonly timeoutMs: number
}

export interface StreamEvents {
  onMessage(message: JsonObject): void
  /** Called once, unless the stream was closed. */
  onEnded(error: EtcdError): void
}

export interface EtcdStream {
  close(): void
}

/** Sends requests to the endpoints of one etcd. */
export class EtcdGateway {
  private readonly options: GatewayOptions
  private readonly agent = new http.Agent({ keepAlive: true })
  private index = 0

  /** REQUIRES: at least one endpoint. */
  constructor(options: GatewayOptions) {
    this.options = options
  }

  /** Throws EtcdError. */
  async request(path: string, body: object, how: 'repeatable' | 'once'): Promise<JsonObject> {
    const { endpoints } = this.options
    for (let attempt = 1; ; attempt++) {
      const { index } = this
      try {
        return await this.post(at(endpoints, index), path, body)
      } catch (error) {
        if (!(error instanceof EtcdError) || error.kind === 'refused') throw error
        this.moveOnFrom(index)
        if (attempt >= endpoints.length || (how === 'once' && error.kind !== 'unsent')) throw error
      }
    }
  }

  /** Opens a stream of messages. A member that loses its leader ends the stream. */
  stream(path: string, body: object, { onMessage, onEnded }: StreamEvents): EtcdStream {
    const { index } = this
    const endpoint = at(this.options.endpoints, index)
    let isOpen = true
    const end = (error: EtcdError) => {
      if (!isOpen) return
      isOpen = false
      request.destroy()
      if (error.kind !== 'refused') this.moveOnFrom(index)
      onEnded(error)
    }
    const lines = new JsonLines(endpoint, (message) => {
      if (isOpen) onMessage(message)
    })
    const request = this.send(endpoint, path, body, (response) => {
      response.on('data', (chunk: Buffer) => {
        try {
          if (isOpen) lines.push(chunk)
        } catch (error) {
          if (!(error instanceof EtcdError)) throw error
          end(error)
        }
      })
      response.on('end', () => end(new EtcdError('unreachable', `${addressText(endpoint)} has ended the stream`)))
      response.on('error', (error) => end(unreachable(endpoint, error)))
    })
    request.on('error', (error) => end(unreachable(endpoint, error)))
    const limit = setTimeout(() => end(silent(endpoint, this.options.timeoutMs)), this.options.timeoutMs)
    request.on('response', () => clearTimeout(limit))
    request.on('close', () => clearTimeout(limit))
    return {
      close() {
        isOpen = false
        request.destroy()
      },
    }
  }

  /** Closes the kept connections. */
  close(): void {
    this.agent.destroy()
  }

  /** Moves on from an endpoint that failed, unless another request has already. */
  private moveOnFrom(index: number): void {
    if (this.index === index) this.index = (index + 1) % this.options.endpoints.length
  }

  private post(endpoint: EtcdEndpoint, path: string, body: object): Promise<JsonObject> {
    const { timeoutMs } = this.options
    return new Promise((resolve, reject) => {
      const request = this.send(endpoint, path, body, (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > MAX_ANSWER_BYTES) request.destroy(tooLong(endpoint))
          else chunks.push(chunk)
        })
        response.on('error', (error) => reject(unreachable(endpoint, error)))
        response.on('end', () => {
          try {
            resolve(answerOf(endpoint, Buffer.concat(chunks).toString('utf8'), response.statusCode ?? 0))
          } catch (error) {
            rethrowAssertion(error)
            reject(error)
          }
        })
      })
      const limit = setTimeout(() => request.destroy(silent(endpoint, timeoutMs)), timeoutMs)
      request.on('error', (error) => reject(unreachable(endpoint, error)))
      request.on('close', () => {
        clearTimeout(limit)
        reject(new EtcdError('unreachable', `${addressText(endpoint)} has closed the connection`))
      })
    })
  }

  private send(
    { host, port }: EtcdEndpoint,
    path: string,
    body: object,
    onResponse: (response: http.IncomingMessage) => void,
  ): http.ClientRequest {
    const text = JSON.stringify(body)
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      // etcd then ends streams of a member without a leader, instead of leaving them silent.
      'grpc-metadata-hasleader': 'true',
    }
    const request = http.request({ host, port, path, method: 'POST', headers, agent: this.agent }, onResponse)
    request.end(text)
    return request
  }
}

/** Splits a stream into lines and reads each as JSON. */
class JsonLines {
  private readonly endpoint: EtcdEndpoint
  private readonly onMessage: (message: JsonObject) => void
  private pending = Buffer.alloc(0)

  constructor(endpoint: EtcdEndpoint, onMessage: (message: JsonObject) => void) {
    this.endpoint = endpoint
    this.onMessage = onMessage
  }

  /** Throws EtcdError. */
  push(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk])
    if (this.pending.length > MAX_ANSWER_BYTES) throw tooLong(this.endpoint)
    for (;;) {
      const end = this.pending.indexOf('\n')
      if (end < 0) return
      const line = this.pending.toString('utf8', 0, end)
      this.pending = this.pending.subarray(end + 1)
      if (line !== '') this.onMessage(answerOf(this.endpoint, line, 200))
    }
  }
}

const tooLong = (endpoint: EtcdEndpoint) =>
  new EtcdError('refused', `${addressText(endpoint)} has sent more than an answer of etcd can have`)

const silent = (endpoint: EtcdEndpoint, timeoutMs: number) =>
  new EtcdError('unreachable', `${addressText(endpoint)} has not answered within ${timeoutMs} ms`)

function unreachable(endpoint: EtcdEndpoint, error: NodeJS.ErrnoException): EtcdError {
  if (error instanceof EtcdError) return error
  const isUnsent = error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND' || error.code === 'EHOSTUNREACH'
  return new EtcdError(isUnsent ? 'unsent' : 'unreachable', `${addressText(endpoint)} cannot be reached: ${error.code ?? error.message}`)
}

/** Returns an answer as an object. Throws EtcdError for an error of etcd, or what is no JSON. */
function answerOf(endpoint: EtcdEndpoint, text: string, status: number): JsonObject {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new EtcdError('refused', `${addressText(endpoint)} does not speak JSON (HTTP ${status}): is it etcd 3.4 or later?`)
  }
  const answer = objectOf(parsed, 'the answer')
  const { error, code, message } = answer
  if (error === undefined && status === 200) return answer
  const inner = typeof error === 'object' && error !== null ? (error as JsonObject) : null
  const reason = inner === null ? textOf(message ?? error, 'error') : textOf(inner.message, 'message')
  const grpcCode = inner === null ? code : (inner.grpc_code ?? inner.code)
  const kind = UNAVAILABLE_CODES.includes(grpcCode) || status === 503 ? 'unreachable' : 'refused'
  throw new EtcdError(kind, `${addressText(endpoint)}: ${reason === '' ? `HTTP ${status}` : reason}`)
}
