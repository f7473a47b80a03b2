/** What a link does with each event in each state. The table is whole or does not compile. */
import { isWantOfRoom } from './copy-room.ts'
import type { ReplicaMachine } from './replica.ts'
import type { LinkEvent, LinkState } from './replica-state.ts'

type Cells = { readonly [T in LinkEvent['type']]: (machine: ReplicaMachine, event: Extract<LinkEvent, { type: T }>) => void }

/** Comes too late, or from something that is not under way in this state: changes nothing. */
const nothing = () => {}

const always = {
  follow: (machine, { master }) => machine.follow(master),
  leave: (machine) => machine.leave(),
} satisfies Partial<Cells>

const copyFailed: Cells['copy failed'] = (machine, { reason }) => (isWantOfRoom(reason) ? machine.lackRoom() : machine.fail(reason))

/** While there is nothing but this node. */
const alone: Cells = {
  ...always,
  reconnect: nothing,
  connected: nothing,
  closed: nothing,
  received: nothing,
  reply: nothing,
  ended: nothing,
  'bad group': nothing,
  failed: nothing,
  copied: nothing,
  'copy failed': nothing,
  swapped: nothing,
  tick: nothing,
}

/** While there is a connection, or soon one. */
const wired: Cells = {
  ...alone,
  reconnect: (machine, { reason }) => machine.reconnect(reason),
  closed: (machine, { reason }) => machine.lose(reason),
  received: (machine, { atMs }) => machine.heard(atMs),
  failed: (machine, { reason }) => machine.fail(reason),
  tick: (machine) => machine.checkSilence(),
}

export const TABLE: Readonly<Record<LinkState, Cells>> = {
  none: { ...alone, leave: nothing },
  connect: { ...alone, reconnect: (machine) => machine.dial(), tick: (machine) => machine.dialWhenDue() },
  connecting: { ...wired, connected: (machine) => machine.authenticate(), tick: (machine) => machine.checkDialling() },
  auth: { ...wired, reply: (machine, { reply }) => machine.authenticated(reply), tick: (machine) => machine.checkAnswer('AUTH') },
  meta_sync: { ...wired, reply: (machine, { reply }) => machine.metaReplied(reply), tick: (machine) => machine.checkAnswer('METASYNC') },
  try_sync: { ...wired, reply: (machine, { reply }) => machine.syncReplied(reply), tick: (machine) => machine.checkSyncAnswer() },
  db_sync: {
    ...wired,
    reply: (machine, { reply }) => machine.copyReplied(reply),
    copied: (machine) => machine.swap(),
    'copy failed': copyFailed,
  },
  swapping: {
    ...wired,
    reconnect: (machine) => machine.hangUp(),
    closed: (machine) => machine.hangUp(),
    reply: (machine, { reply }) => {
      if (reply instanceof Error) machine.hangUp()
    },
    'copy failed': copyFailed,
    swapped: (machine) => machine.swapped(),
    tick: nothing,
  },
  binlog_sync: {
    ...wired,
    reply: (machine) => machine.fail('the master sent a reply behind BINLOGSYNC'),
    ended: (machine, { text }) => machine.lose(`the master ended the stream: ${text}`),
    'bad group': (machine, { offset, reason }) => machine.badGroupCame(offset, reason),
    tick: (machine) => machine.checkLink(),
  },
}
