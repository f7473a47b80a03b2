/** A client that is nobody: what commands see of a session, with nothing behind it. */
import type { Peer, ReplyMode, Session } from '../../commands/session.ts'
import type { Bytes } from '../../storage/bytes.ts'

export class FakeSession implements Session {
  readonly id: number
  peer: Peer = 'client'
  database = 0
  resp: 2 | 3 = 2
  authenticated = true
  name: Bytes = ''
  libraryName: Bytes = ''
  libraryVersion: Bytes = ''
  replyMode: ReplyMode = 'on'
  noEvict = false
  noTouch = false
  monitoring = false
  address = '127.0.0.1:50000'
  localAddress = '127.0.0.1:6379'
  createdAtMs = 0
  lastActiveMs = 0
  lastWriteAt = -1
  lastCommand: Bytes = ''
  /** How it was closed; null while it is open. */
  closed: 'now' | 'after-reply' | null = null

  constructor(id = 1) {
    this.id = id
  }

  queryBufferBytes(): number {
    return 0
  }

  outputBufferBytes(): number {
    return 0
  }

  close(how: 'now' | 'after-reply'): void {
    this.closed = how
  }
}
