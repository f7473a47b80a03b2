/** ACL DRYRUN, LOG, LOAD, SAVE and HELP. The commands on users are in user-commands.ts. */
import { must } from '../../base/assert.ts'
import { type Command, command } from '../contract/command.ts'
import { clientError } from '../contract/errors.ts'
import { Double, MapReply, OK, type Reply } from '../contract/reply.ts'
import { isToken, requireClampedInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { type AclEnvironment, aclOf } from './acl.ts'
import { detailedDenial } from './denial-texts.ts'
import type { AclLogEntry } from './log.ts'
import { ADMIN_FLAGS, aclUsers, requireLastWord } from './user-commands.ts'
import { readUsers, writeUsers } from './user-lines.ts'

const LOGGED_ENTRIES_SHOWN = 10

const dryRun = command({
  name: 'acl|dryrun',
  group: 'server',
  since: '7.0.0',
  summary: 'Simulates the execution of a command by a user, without executing the command.',
  complexity: 'O(1).',
  syntax: 'ACL DRYRUN username command [arg [arg ...]]',
  arity: -4,
  flags: ADMIN_FLAGS,
  run({ server }, args) {
    const { table } = server
    const user = aclOf(server).find(args[2])
    if (user === undefined) throw clientError(`ERR User '${args[2]}' not found`)
    const words = args.slice(3)
    const container = table.find(args[3])
    const isWhole = container?.subcommands === undefined || words.length === 1
    const found = container === undefined || isWhole ? container : table.findSubcommand(container, must(words[1]))
    if (found === undefined) throw clientError(`ERR Command '${args[3]}' not found`)
    if (found.arity > 0 ? words.length !== found.arity : words.length < -found.arity)
      throw clientError(`ERR wrong number of arguments for '${found.name}' command`)
    const denial = user.denialOf(found, words)
    return denial === null ? OK : detailedDenial(user, denial)
  },
})

const log = command({
  name: 'acl|log',
  group: 'server',
  since: '6.0.0',
  summary: 'Lists recent security events generated due to ACL rules.',
  complexity: 'O(N) with N being the number of entries shown.',
  syntax: 'ACL LOG [count | RESET]',
  history: [['7.2.0', 'Added entry ID, timestamp created, and timestamp last updated.']],
  arity: -2,
  flags: ADMIN_FLAGS,
  run({ server }, args) {
    const acl = aclOf(server)
    const word = args.length === 2 ? String(LOGGED_ENTRIES_SHOWN) : requireLastWord(args)
    if (isToken(word, 'reset')) {
      acl.log.reset()
      return OK
    }
    const count = Math.max(0, requireClampedInteger(word))
    return acl.log.entries.slice(0, count).map((entry) => entryReply(entry, acl.log.ageMs(entry)))
  },
})

function entryReply(entry: AclLogEntry, ageMs: number): Reply {
  const { count, reason, context, object, username, client, id, createdAtMs, updatedAtMs } = entry
  const what: Reply[] = ['count', count, 'reason', reason, 'context', context, 'object', object, 'username', username]
  const when: Reply[] = ['entry-id', id, 'timestamp-created', createdAtMs, 'timestamp-last-updated', updatedAtMs]
  return new MapReply([...what, 'age-seconds', new Double(Math.floor(ageMs) / 1000), 'client-info', client, ...when])
}

function requireFile({ file }: AclEnvironment): NonNullable<AclEnvironment['file']> {
  if (file !== null) return file
  throw clientError(
    'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
  )
}

/** ACL LOAD applies the whole file or nothing. */
const load = command({
  name: 'acl|load',
  group: 'server',
  since: '6.0.0',
  summary: 'Reloads the rules from the configured ACL file.',
  complexity: 'O(N). Where N is the number of configured users.',
  syntax: 'ACL LOAD',
  arity: 2,
  flags: ADMIN_FLAGS,
  run({ server, session }) {
    const acl = aclOf(server)
    const { environment } = acl
    const file = requireFile(environment)
    const text = file.read()
    if ('failure' in text) throw clientError(`ERR ${text.failure}`)
    const read = readUsers(text.content, file.path, environment)
    if ('errors' in read) {
      throw clientError(
        `ERR ${read.errors}WARNING: ACL errors detected, no change to the previously active ACL rules was performed`.replace(
          /[\r\n]/g,
          ' ',
        ),
      )
    }
    acl.replace(read.users, session)
    return OK
  },
})

const save = command({
  name: 'acl|save',
  group: 'server',
  since: '6.0.0',
  summary: 'Saves the effective ACL rules in the configured ACL file.',
  complexity: 'O(N). Where N is the number of configured users.',
  syntax: 'ACL SAVE',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  arity: 2,
  flags: ADMIN_FLAGS,
  run({ server }) {
    const acl = aclOf(server)
    if (!requireFile(acl.environment).replace(writeUsers(acl.all())))
      throw clientError('ERR There was an error trying to save the ACLs. Please check the server logs for more information')
    return OK
  },
})

const HELP = [
  'CAT [<category>]',
  '    Lists the categories of commands, or the commands of one category.',
  'DELUSER <username> [<username> ...]',
  '    Deletes users and ends their connections.',
  'DRYRUN <username> <command> [<arg> ...]',
  '    Checks whether the user may run the command, without running it.',
  'GENPASS [<bits>]',
  '    Returns a random password of <bits> bits (default: 256).',
  'GETUSER <username>',
  '    Returns the properties of a user.',
  'LIST',
  '    Lists all users as lines of an ACL file.',
  'LOAD',
  '    Replaces all users with those of the ACL file.',
  'LOG [<count>|RESET]',
  '    Lists the latest refusals; RESET clears the list.',
  'SAVE',
  '    Writes all users to the ACL file.',
  'SETUSER <username> [<rule> ...]',
  '    Creates or changes a user by these rules.',
  'USERS',
  '    Lists the names of all users.',
  'WHOAMI',
  '    Returns the user of this connection.',
]

const help = command({
  name: 'acl|help',
  group: 'server',
  since: '6.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'ACL HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => helpReply('acl', HELP),
})

const container = command({
  name: 'acl',
  group: 'server',
  since: '6.0.0',
  summary: 'A container for Access List Control commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'ACL',
  arity: -2,
  flags: [],
  subcommands: [...aclUsers, dryRun, load, log, save, help],
})

export const aclCommands: readonly Command[] = [container]
