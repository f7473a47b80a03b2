/** The client in whose name logged commands are run again. It is answered, and does not listen. */
import type { Client, Executor } from '../commands/executor.ts'
import type { ReplyMode } from '../commands/session.ts'
import type { Bytes } from '../storage/bytes.ts'
import type { Keyspace } from '../storage/keyspace.ts'
import type { Replayer } from '../storage/recovery.ts'

export class ReplayClient implements Client {
  readonly id = 0
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
  readonly address = ''
  readonly localAddress = ''
  readonly createdAtMs = 0
  lastActiveMs = 0
  lastCommand: Bytes = ''
  queryBufferBytes = () => 0
  outputBufferBytes = () => 0
  reply(): void {}
  replyError(): void {}
  close(): void {}
}

/** Feeds recovered groups to the executor, each under its own clock. */
export function replayer(executor: Executor, keyspace: Keyspace): Replayer {
  const client = new ReplayClient()
  return {
    begin(header) {
      keyspace.setClock(header.clockMs)
      client.database = 0
    },
    command(args) {
      executor.replay(client, args)
    },
    end() {},
  }
}
