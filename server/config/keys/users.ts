/** Configuration keys of users and their permissions. */
import type { ConfigKey } from '../key.ts'
import { choice, integer, MAX_INT64, text } from '../kinds.ts'
import { userLines } from '../users.ts'

export const userKeys = [
  {
    name: 'requirepass',
    section: 'users',
    kind: text,
    default: '',
    changes: 'any-time',
    secret: true,
    help: 'password of the default user; empty for none',
  },
  {
    name: 'user',
    section: 'users',
    kind: userLines,
    default: '',
    changes: 'at-start',
    secret: true,
    withheld: true,
    help: 'a user and its rules, as ACL LIST shows them, one user a line; not together with aclfile',
  },
  {
    name: 'aclfile',
    section: 'users',
    kind: text,
    default: '',
    changes: 'at-start',
    help: 'file of users for ACL LOAD and ACL SAVE, relative to dir; empty for none',
  },
  {
    name: 'acl-pubsub-default',
    section: 'users',
    kind: choice('allchannels', 'resetchannels'),
    default: 'resetchannels',
    changes: 'any-time',
    help: 'channels that a new user may use: all or none',
  },
  {
    name: 'acllog-max-len',
    section: 'users',
    kind: integer(0, MAX_INT64),
    default: '128',
    changes: 'any-time',
    help: 'maximum number of entries in ACL LOG',
  },
  {
    name: 'userpass',
    section: 'users',
    kind: text,
    default: '',
    changes: 'any-time',
    secret: true,
    help: "Pika's: password of a second user, limit; AUTH with a password alone tries it as well; empty for no such user",
  },
  {
    name: 'userblacklist',
    section: 'users',
    kind: text,
    default: '',
    changes: 'any-time',
    help: "Pika's: commands that the user limit may not run, separated by commas",
  },
] as const satisfies readonly ConfigKey[]
