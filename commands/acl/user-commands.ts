/**
 * ACL SETUSER GETUSER DELUSER LIST USERS WHOAMI CAT GENPASS: the commands on users and their
 * permissions.
 */
import { CATEGORIES, categoriesOf, categoryOf } from '../contract/categories.ts'
import { type Args, type Command, type CommandFlag, command } from '../contract/command.ts'
import { clientError, notAnInteger, wrongSubcommandWords } from '../contract/errors.ts'
import { MapReply, OK, type Reply, SetReply } from '../contract/reply.ts'
import { requireSafeInteger } from '../parsing/args.ts'
import { aclOf } from './acl.ts'
import { describeChannels, describeCommands, describeKeys, describeUser, userFlagsOf } from './describe.ts'
import type { Selector } from './selector.ts'

export const ADMIN_FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale']
const OPEN_FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale']

const MAX_PASSWORD_BITS = 4096
const LONG = Number.MAX_SAFE_INTEGER

const setUser = command({
  name: 'acl|setuser',
  group: 'server',
  since: '6.0.0',
  summary: 'Creates and modifies an ACL user and its rules.',
  complexity: 'O(N). Where N is the number of rules provided.',
  syntax: 'ACL SETUSER username [rule [rule ...]]',
  history: [
    ['6.2.0', 'Added Pub/Sub channel patterns.'],
    ['7.0.0', 'Added selectors and key based permissions.'],
  ],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  arity: -3,
  flags: ADMIN_FLAGS,
  run({ server, session }, args) {
    aclOf(server).setUser(args[2], args.slice(3), session)
    return OK
  },
})

const getUser = command({
  name: 'acl|getuser',
  group: 'server',
  since: '6.0.0',
  summary: 'Lists the ACL rules of a user.',
  complexity: 'O(N). Where N is the number of password, command and pattern rules that the user has.',
  syntax: 'ACL GETUSER username',
  history: [
    ['6.2.0', 'Added Pub/Sub channel patterns.'],
    ['7.0.0', 'Added selectors and changed the format of key and channel patterns from a list to their rule representation.'],
  ],
  arity: 3,
  flags: ADMIN_FLAGS,
  run({ server }, args) {
    const user = aclOf(server).find(args[2])
    if (user === undefined) return null
    const [root, ...others] = user.selectors
    const selectors = others.map((selector) => new MapReply(permissionsOf(selector)))
    return new MapReply([
      'flags',
      new SetReply(userFlagsOf(user)),
      'passwords',
      user.passwords,
      ...permissionsOf(root),
      'selectors',
      selectors,
    ])
  },
})

function permissionsOf(selector: Selector): Reply[] {
  return ['commands', describeCommands(selector), 'keys', describeKeys(selector), 'channels', describeChannels(selector)]
}

const delUser = command({
  name: 'acl|deluser',
  group: 'server',
  since: '6.0.0',
  summary: 'Deletes ACL users, and terminates their connections.',
  complexity: 'O(1) amortized time considering the typical user.',
  syntax: 'ACL DELUSER username [username ...]',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  arity: -3,
  flags: ADMIN_FLAGS,
  run: ({ server, session }, args) => aclOf(server).remove(args.slice(2), session),
})

const list = command({
  name: 'acl|list',
  group: 'server',
  since: '6.0.0',
  summary: 'Dumps the effective rules in ACL file format.',
  complexity: 'O(N). Where N is the number of configured users.',
  syntax: 'ACL LIST',
  arity: 2,
  flags: ADMIN_FLAGS,
  run: ({ server }) =>
    aclOf(server)
      .all()
      .map((user) => `user ${user.name} ${describeUser(user)}`),
})

const users = command({
  name: 'acl|users',
  group: 'server',
  since: '6.0.0',
  summary: 'Lists all ACL users.',
  complexity: 'O(N). Where N is the number of configured users.',
  syntax: 'ACL USERS',
  arity: 2,
  flags: ADMIN_FLAGS,
  run: ({ server }) =>
    aclOf(server)
      .all()
      .map((user) => user.name),
})

const whoAmI = command({
  name: 'acl|whoami',
  group: 'server',
  since: '6.0.0',
  summary: 'Returns the authenticated username of the current connection.',
  complexity: 'O(1)',
  syntax: 'ACL WHOAMI',
  arity: 2,
  flags: OPEN_FLAGS,
  run: ({ session }) => session.user.name,
})

const cat = command({
  name: 'acl|cat',
  group: 'server',
  since: '6.0.0',
  summary: 'Lists the ACL categories, or the commands inside a category.',
  complexity: 'O(1) since the categories and commands are a fixed set.',
  syntax: 'ACL CAT [category]',
  arity: -2,
  flags: OPEN_FLAGS,
  run({ server: { table } }, args) {
    if (args.length === 2) return CATEGORIES
    const category = categoryOf(requireLastWord(args))
    if (category === null) throw clientError(`ERR Unknown category '${args[2].slice(0, 128)}'`)
    return [...table.byName.values()].filter((one) => categoriesOf(one).includes(category)).map((one) => one.name)
  },
})

/** ACL GENPASS gives one hexadecimal digit for four bits. */
const genPass = command({
  name: 'acl|genpass',
  group: 'server',
  since: '6.0.0',
  summary: 'Generates a pseudorandom, secure password that can be used to identify ACL users.',
  complexity: 'O(1)',
  syntax: 'ACL GENPASS [bits]',
  arity: -2,
  flags: OPEN_FLAGS,
  run({ server }, args) {
    const bits = args.length === 2 ? 256 : requireSafeInteger(requireLastWord(args), -LONG, LONG, notAnInteger)
    if (bits <= 0 || bits > MAX_PASSWORD_BITS) {
      throw clientError(
        `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${MAX_PASSWORD_BITS}`,
      )
    }
    return aclOf(server).environment.secretHex(Math.ceil(bits / 4))
  },
})

/** Returns the third word of a request. Throws if there is a fourth. */
export function requireLastWord(args: Args): string {
  if (args.length > 3) throw wrongSubcommandWords('acl', args[1])
  return args[2]
}

export const aclUsers: readonly Command[] = [cat, delUser, genPass, getUser, list, setUser, users, whoAmI]
