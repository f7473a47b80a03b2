/**
 * The conversation with a Redis master before its stream: lines in, actions out, nothing else.
 *
 *   ping -> port -> [address] -> capabilities -> psync -> stream                 +CONTINUE
 *                                                  '-> preamble -> transfer -> stream
 *
 * The Redis answers PSYNC and begins the RDB when it is ready, and sends empty lines meanwhile.
 * REPLCONF is not required: a refusal of it costs only what the master shows about this node.
 */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { UpstreamPosition } from '../../storage/records/upstream.ts'

/** `preamble`: the RDB is announced and not begun. */
export type ConversationState = 'ping' | 'port' | 'address' | 'capabilities' | 'psync' | 'preamble' | 'transfer' | 'stream'

/** How the end of an RDB is found: by its length in bytes, or by a mark of 40 bytes after it. */
export type TransferEnd = { readonly length: number } | { readonly mark: Bytes }

export type ConversationAction =
  | { readonly type: 'send'; readonly words: readonly Bytes[] }
  /** The RDB begins with the next byte. It leads to the position, but for the database. */
  | { readonly type: 'transfer'; readonly replicationId: string; readonly offset: number; readonly end: TransferEnd }
  /** The stream begins with the next byte, after the position. */
  | { readonly type: 'continue'; readonly position: UpstreamPosition }
  | { readonly type: 'fail'; readonly reason: string }

export interface ConversationFacts {
  /** The port and the address that this node announces; an empty address: none. */
  readonly port: number
  readonly address: string
  /** The position after which the stream may continue; null: only a full sync will do. */
  readonly position: UpstreamPosition | null
}

const FULL_RESYNC = /^\+FULLRESYNC ([0-9a-f]{40}) (\d{1,16})$/
const CONTINUE = /^\+CONTINUE(?: ([0-9a-f]{40}))?$/
const LENGTH = /^\$(\d{1,16})$/
const MARK = /^\$EOF:(.{40})$/

/** The advice on an error of a master, by the first word of the error. */
const ADVICE: Readonly<Record<string, string>> = {
  NOAUTH: 'set masterauth, and masteruser if the master has ACL users',
  NOPERM: 'allow the user of masteruser +psync +replconf +ping on the master',
  LOADING: 'the master is reading its data; this node tries again',
  NOMASTERLINK: 'the master is a replica without a link to its own master; this node tries again',
}

/** The conversation with a Redis master before its stream. */
export class Conversation {
  state: ConversationState = 'ping'
  private readonly facts: ConversationFacts
  private announced: { readonly replicationId: string; readonly offset: number } | null = null

  constructor(facts: ConversationFacts) {
    this.facts = facts
  }

  /** Returns the first request. */
  greeting(): ConversationAction[] {
    return [{ type: 'send', words: ['PING'] }]
  }

  /** Takes a line of the master, without its end. */
  line(line: Bytes): ConversationAction[] {
    if (line === '') return [] // the master is busy and alive
    switch (this.state) {
      case 'ping':
        return line.startsWith('-') ? fail('PING', line) : this.announcePort()
      case 'port':
        return this.facts.address === '' ? this.announceCapabilities() : this.announceAddress()
      case 'address':
        return this.announceCapabilities()
      case 'capabilities':
        return this.psync()
      case 'psync':
        return this.psyncReplied(line)
      case 'preamble':
        return this.transferBegins(line)
      default:
        assert(false, 'lines are read before the RDB and the stream')
        return []
    }
  }

  /** Called after the RDB of a transfer: the stream begins. */
  transferred(): void {
    assert(this.state === 'transfer', 'only an RDB that is transferred ends')
    this.state = 'stream'
  }

  private announcePort(): ConversationAction[] {
    this.state = 'port'
    return [{ type: 'send', words: ['REPLCONF', 'listening-port', String(this.facts.port)] }]
  }

  private announceAddress(): ConversationAction[] {
    this.state = 'address'
    return [{ type: 'send', words: ['REPLCONF', 'ip-address', this.facts.address] }]
  }

  private announceCapabilities(): ConversationAction[] {
    this.state = 'capabilities'
    return [{ type: 'send', words: ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'] }]
  }

  private psync(): ConversationAction[] {
    const { position } = this.facts
    this.state = 'psync'
    // The master counts the first byte of its stream as 1.
    const words = position === null ? ['PSYNC', '?', '-1'] : ['PSYNC', position.replicationId, String(position.offset + 1)]
    return [{ type: 'send', words }]
  }

  private psyncReplied(line: Bytes): ConversationAction[] {
    const full = FULL_RESYNC.exec(line)
    if (full !== null) {
      this.announced = { replicationId: at(full, 1), offset: Number(full[2]) }
      this.state = 'preamble'
      return []
    }
    const continued = CONTINUE.exec(line)
    const { position } = this.facts
    if (continued === null || position === null) return fail('PSYNC', line)
    this.state = 'stream'
    return [{ type: 'continue', position: { ...position, replicationId: continued[1] ?? position.replicationId } }]
  }

  private transferBegins(line: Bytes): ConversationAction[] {
    const length = LENGTH.exec(line)?.[1]
    const mark = MARK.exec(line)?.[1]
    const { announced } = this
    if ((length === undefined && mark === undefined) || announced === null) return fail('PSYNC', line)
    this.state = 'transfer'
    const end: TransferEnd = mark === undefined ? { length: Number(length) } : { mark }
    return [{ type: 'transfer', ...announced, end }]
  }
}

function fail(request: string, line: Bytes): ConversationAction[] {
  const text = line.replace(/^[-+]/, '')
  const advice = ADVICE[text.split(' ', 1)[0] ?? '']
  return [
    { type: 'fail', reason: `${request}: the master, a Redis or the like, says: ${text}${advice === undefined ? '' : `; ${advice}`}` },
  ]
}
