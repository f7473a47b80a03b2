/**
 * The transition table of a link, for each event in each state. An incomplete table does not
 * compile.
 */
import { FIRST_RDB_WAIT_MS, isOutOfSpace } from './copy-room.ts'
import type { ReplicaMachine } from './machine.ts'
import type { LinkEvent, LinkState } from './machine-types.ts'

type Cells = { readonly [T in LinkEvent['type']]: (machine: ReplicaMachine, event: Extract<LinkEvent, { type: T }>) => void }

/** Ignores an event that comes too late or does not concern this state. */
const nothing = () => {}

const always = {
  follow: (machine, { master }) => machine.follow(master),
  leave: (machine) => machine.leave(),
} satisfies Partial<Cells>

const copyFailed: Cells['copy-failed'] = (machine, { reason }) => {
  if (isOutOfSpace(reason)) machine.waitForRoom()
  else if (machine.isRedis) machine.waitForRoom(reason, FIRST_RDB_WAIT_MS)
  else machine.fail(reason)
}

/** The cells of a state without a connection. */
const alone: Cells = {
  ...always,
  reconnect: nothing,
  connected: nothing,
  closed: nothing,
  received: nothing,
  reply: nothing,
  streaming: nothing,
  ended: nothing,
  'bad-group': nothing,
  failed: nothing,
  copied: nothing,
  'copy-failed': nothing,
  installed: nothing,
  tick: nothing,
}

/** The cells of a state that has a connection or is opening one. */
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
  connecting: { ...wired, connected: (machine) => machine.authenticate(), tick: (machine) => machine.checkPrompt('no connection') },
  auth: {
    ...wired,
    reply: (machine, { reply }) => machine.authenticated(reply),
    tick: (machine) => machine.checkPrompt('no answer to AUTH'),
  },
  meta_sync: {
    ...wired,
    reply: (machine, { reply }) => machine.metaReplied(reply),
    tick: (machine) => machine.checkPrompt('no answer to METASYNC'),
  },
  try_sync: {
    ...wired,
    reply: (machine, { reply }) => machine.syncReplied(reply),
    // A node that is asked to take over replies once it has, which may take longer than a prompt
    // reply.
    tick: (machine) => (machine.isFailover ? machine.checkSilence() : machine.checkPrompt('no answer to TRYSYNC')),
  },
  db_sync: {
    ...wired,
    reply: (machine, { reply }) => machine.copyReplied(reply),
    copied: (machine) => machine.install(),
    'copy-failed': copyFailed,
  },
  installing: {
    ...wired,
    reconnect: (machine) => machine.hangUp(),
    closed: (machine) => machine.hangUp(),
    reply: (machine, { reply }) => {
      if (reply instanceof Error) machine.hangUp()
    },
    'copy-failed': copyFailed,
    installed: (machine) => machine.installed(),
    tick: nothing,
  },
  redis: {
    ...wired,
    copied: (machine) => machine.install(),
    'copy-failed': copyFailed,
    streaming: (machine) => machine.streamBegins(),
    tick: (machine) => machine.checkLink(),
  },
  binlog_sync: {
    ...wired,
    reply: (machine) => machine.fail('the master sent a reply after BINLOGSYNC'),
    streaming: (machine) => machine.streamBegins(),
    ended: (machine, { text }) => machine.streamEnded(text),
    'bad-group': (machine, { offset, reason }) => machine.badGroupCame(offset, reason),
    tick: (machine) => machine.checkLink(),
  },
}
