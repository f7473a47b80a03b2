/** A session for commands, without a connection. */
import { openDefaultUser } from '../../../commands/acl/user.ts'
import type { Message } from '../../../commands/contract/reply.ts'
import { type RemoteRole, type Session, SessionState } from '../../../commands/contract/session.ts'

/** A session that records the messages pushed to it and the way it was closed. */
export class FakeSession extends SessionState implements Session {
  readonly id: number
  remoteRole: RemoteRole = 'client'
  user = openDefaultUser()
  isAuthenticated = true
  address = '127.0.0.1:50000'
  localAddress = '127.0.0.1:6379'
  createdAtMs = 0
  lastActiveMs = 0
  /** The way it was closed; null while it is open. */
  closed: 'now' | 'after-reply' | null = null

  constructor(id = 1) {
    super()
    this.id = id
  }

  /** Push messages that it received. */
  readonly pushed: Message[] = []

  push(message: Message): void {
    this.pushed.push(message)
  }

  retryGate(): void {}
  asyncDone(): void {}

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
