/**
 * The client that runs a script's commands: it acts for the caller, with its own database and
 * protocol, and discards replies.
 */
import { SUPERUSER } from '../acl/user.ts'
import type { SessionUser } from '../contract/access.ts'
import type { Message } from '../contract/reply.ts'
import { type Client, type Session, SessionState } from '../contract/session.ts'

/** The client that runs a script's commands and discards their replies. */
export class ScriptClient extends SessionState implements Client {
  user: SessionUser = SUPERUSER
  isAuthenticated = true
  override isScript = true
  readonly address = 'lua'
  readonly localAddress = ''
  readonly createdAtMs = 0
  lastActiveMs = 0
  /** The client that has called the script. */
  caller: Session | null = null

  /** Starts to run commands for a client. */
  become(caller: Session): void {
    this.caller = caller
    this.user = caller.user
    this.database = caller.database
    this.mustNotTouch = caller.mustNotTouch
    this.lastWriteOffset = caller.lastWriteOffset
    this.resp = 2
  }

  get id(): number {
    return this.caller?.id ?? 0
  }

  get remoteRole(): Session['remoteRole'] {
    return this.caller?.remoteRole ?? 'client'
  }

  queryBufferBytes(): number {
    return 0
  }

  outputBufferBytes(): number {
    return 0
  }

  push(message: Message): void {
    this.caller?.push(message)
  }

  close(how: 'now' | 'after-reply'): void {
    this.caller?.close(how)
  }

  reply(): void {}
  replyError(): void {}
  retryGate(): void {}
  asyncDone(): void {}
}
