/** Requests of a coordinator or an operator to a node: a connection for each list of commands. */

import * as net from 'node:net'
import RedisParser, { type ParsedReply } from 'redis-parser'
import { addressText } from '../../base/address-text.ts'
import { bytesOfText } from '../../base/bytes.ts'
import { encodedLength, writeCommand } from '../../storage/binlog/command-codec.ts'

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

/** A node that has not answered, or not with what was asked for. */
export class NodeFailure extends Error {
  override readonly name = 'NodeFailure'
}

/** An error reply of a node. */
export class NodeRefusal extends NodeFailure {}

/** Text, an integer, nil, or a list of them. */
export type NodeReply = string | number | null | NodeRefusal | readonly NodeReply[]

/** Sends commands to a node and resolves to their replies. Rejects with a NodeFailure. */
export type AskNode = (node: NodeAddress, commands: readonly (readonly string[])[]) => Promise<NodeReply[]>

export interface NodeRequestOptions {
  readonly timeoutMs: number
  /** Words of AUTH; none without a password. */
  readonly credentials: readonly string[]
}

/** Returns a function that asks nodes. */
export function nodeRequests({ timeoutMs, credentials }: NodeRequestOptions): AskNode {
  return (node, commands) => {
    const sent = credentials.length === 0 ? commands : [['AUTH', ...credentials], ...commands]
    return new Promise((resolve, reject) => {
      const replies: NodeReply[] = []
      const socket = net.connect({ host: node.host, port: node.port, noDelay: true })
      const fail = (why: string) => {
        clearTimeout(limit)
        socket.destroy()
        reject(new NodeFailure(`${addressText(node)} ${why}`))
      }
      const add = (reply: NodeReply) => {
        replies.push(reply)
        if (replies.length < sent.length) return
        clearTimeout(limit)
        socket.destroy()
        const [first] = replies
        if (credentials.length > 0 && first instanceof NodeRefusal)
          reject(new NodeFailure(`${addressText(node)} refuses the password: ${first.message}`))
        else resolve(credentials.length > 0 ? replies.slice(1) : replies)
      }
      const parser = new RedisParser({
        returnBuffers: true,
        returnReply: (reply) => add(replyOf(reply)),
        returnError: (error) => add(new NodeRefusal(error.message)),
        returnFatalError: () => fail('does not speak the protocol of Redis'),
      })
      const limit = setTimeout(() => fail(`has not answered within ${timeoutMs} ms`), timeoutMs)
      socket.on('connect', () => {
        for (const command of sent) socket.write(encodedCommand(command))
      })
      socket.on('data', (data: Buffer) => parser.execute(data))
      socket.on('error', (error: NodeJS.ErrnoException) => fail(`cannot be reached: ${error.code ?? error.message}`))
      socket.on('end', () => fail('has closed the connection'))
    })
  }
}

/** Copies a reply: the parser reuses its buffers. */
function replyOf(reply: ParsedReply): NodeReply {
  if (Array.isArray(reply)) return reply.map(replyOf)
  if (reply instanceof Error) return new NodeRefusal(reply.message)
  return Buffer.isBuffer(reply) ? reply.toString('utf8') : reply
}

function encodedCommand(words: readonly string[]): Buffer {
  const bytes = words.map(bytesOfText)
  const buffer = Buffer.allocUnsafe(encodedLength(bytes))
  writeCommand(bytes, buffer, 0)
  return buffer
}

/** Reads the fields of INFO. Throws NodeFailure if the reply is an error. */
export function infoFields(reply: NodeReply | undefined): ReadonlyMap<string, string> {
  if (reply instanceof NodeRefusal) throw reply
  const lines = String(reply).split('\r\n')
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}
