/** An HTTP server in the place of etcd's gateway: a test says how it answers each request. */
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EtcdEndpoint } from '../../../server/etcd/gateway.ts'

/**
 * An answer: an object as JSON, a status with an object, a text as it is, `silence`, or a
 * connection that is closed.
 */
export type GatewayAnswer = object | string | 'silence' | 'reset'

export interface GatewayRequest {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A server whose answers are given by a function. */
export class FakeGateway {
  readonly requests: GatewayRequest[] = []
  answer: (request: GatewayRequest) => GatewayAnswer = () => ({})
  /** The streams that are open, which a test writes to. */
  readonly streams: http.ServerResponse[] = []
  private readonly server: http.Server

  private constructor() {
    this.server = http.createServer((request, response) => this.take(request, response))
  }

  static async start(): Promise<FakeGateway> {
    const gateway = new FakeGateway()
    await new Promise<void>((resolve) => gateway.server.listen(0, '127.0.0.1', resolve))
    return gateway
  }

  get endpoint(): EtcdEndpoint {
    return { host: '127.0.0.1', port: (this.server.address() as AddressInfo).port }
  }

  /** Sends a message on the last stream. */
  tell(message: object): void {
    this.streams.at(-1)?.write(`${JSON.stringify(message)}\n`)
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private take(request: http.IncomingMessage, response: http.ServerResponse): void {
    let text = ''
    request.on('data', (chunk: Buffer) => {
      text += chunk
    })
    request.on('end', () => {
      const body = JSON.parse(text) as GatewayRequest['body']
      const asked = { path: request.url ?? '', body }
      this.requests.push(asked)
      if (asked.path === '/v3/watch') {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.flushHeaders()
        this.streams.push(response)
        return
      }
      const answer = this.answer(asked)
      if (answer === 'silence') return
      if (answer === 'reset') request.socket.destroy()
      else {
        const isError = typeof answer === 'object' && 'error' in answer
        response.writeHead(isError ? 500 : 200, { 'content-type': 'application/json' })
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
      }
    })
  }
}
