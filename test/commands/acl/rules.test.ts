/** Rules turned into permissions, and permissions into the text that ACL LIST shows. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { describeUser } from '../../../commands/acl/describe.ts'
import { passwordHash } from '../../../commands/acl/passwords.ts'
import { RuleError } from '../../../commands/acl/rule-error.ts'
import type { Selector } from '../../../commands/acl/selector.ts'
import type { RuleContext } from '../../../commands/acl/selector-rules.ts'
import { User } from '../../../commands/acl/user.ts'
import { readUsers, writeUsers } from '../../../commands/acl/user-lines.ts'
import { applyRules } from '../../../commands/acl/user-rules.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import { families } from '../../../commands/families.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'

const table = new CommandTable(families)
const warnings: string[] = []
const context: RuleContext = { table, channelDefault: () => 'no-channels', warn: (message) => void warnings.push(message) }

function userOf(...rules: Bytes[]): User {
  const user = new User('someone', 'no-channels')
  applyRules(user, rules, context)
  return user
}

/** Returns the text of an enabled user without a password, leaving out these two words. */
const shown = (...rules: Bytes[]) => describeUser(userOf(...rules)).replace(/^off sanitize-payload /, '')

function refusal(...rules: Bytes[]): string {
  try {
    userOf(...rules)
  } catch (error) {
    assert.instance(error, RuleError)
    return (error as RuleError).inSetUser
  }
  return 'no error'
}

test('a new user is off and may do nothing', () => {
  assert.is(describeUser(userOf()), 'off sanitize-payload resetchannels -@all')
  assert.is(userOf().isUnrestricted, false)
})

test('key patterns accumulate, a repeated one gains permissions, and allkeys ends the list', () => {
  assert.is(shown('~a', '~b:*', '~a'), '~a ~b:* resetchannels -@all')
  assert.is(shown('%R~a', '%w~b', '%WR~c', '%rw~d'), '%R~a %W~b ~c ~d resetchannels -@all')
  assert.is(shown('%R~a', '%W~a'), '~a resetchannels -@all')
  assert.is(shown('%RW~*', '~a'), '%RW~* ~a resetchannels -@all')
  assert.is(shown('~a', 'AllKeys'), '~* resetchannels -@all')
  assert.is(shown('~*', 'resetkeys', '~x'), '~x resetchannels -@all')
  assert.is(shown('~'), '~ resetchannels -@all')
  for (const wrong of ['%', '%~a', '%RR~a', '%X~a', '%Ra', '%RWR~a', '~a b', '~a\0', '%R~a\tb', '&a\n', 'foo', '*', '+', '-', '@all'])
    assert.match(
      refusal(wrong),
      wrong === '+' || wrong === '-' ? /Unknown command or category name in ACL$/ : /^Error in ACL SETUSER modifier '.*': Syntax error$/s,
      wrong,
    )
  assert.match(refusal('~*', '~a'), /modifier '~a': Adding a pattern after the \* pattern \(or the 'allkeys' flag\) .*Try 'resetkeys'/)
})

test('channel patterns accumulate like key patterns, without permissions', () => {
  assert.is(shown('&a', '&b*', '&a'), 'resetchannels &a &b* -@all')
  assert.is(shown('&a', '&*'), '&* -@all')
  assert.is(shown('allchannels', 'resetchannels', '&x'), 'resetchannels &x -@all')
  assert.match(
    refusal('&*', '&a'),
    /modifier '&a': Adding a pattern after the \* pattern \(or the 'allchannels' flag\) .*Try 'resetchannels'/,
  )
})

test('command rules keep their order, and a rule replaces those that it overrides', () => {
  assert.is(shown('+get', '+SET', '-get'), 'resetchannels -@all +set -get')
  assert.is(shown('+@read', '-@write', '+@READ'), 'resetchannels -@all -@write +@read')
  assert.is(shown('+@all', '-@dangerous', '+config|get', '+config|set', '-config'), 'resetchannels +@all -@dangerous -config')
  assert.is(shown('+config|GET', '-config|set', '+config|get'), 'resetchannels -@all -config|set +config|get')
  assert.is(shown('+get', 'allcommands'), 'resetchannels +@all')
  assert.is(shown('+get', '+@all', '-set', 'nocommands'), 'resetchannels -@all')
  assert.is(shown('+set', '+setex'), 'resetchannels -@all +set +setex')
})

test('rules with unknown commands or categories are refused', () => {
  const unknown = (rule: Bytes) => `Error in ACL SETUSER modifier '${rule}': Unknown command or category name in ACL`
  for (const rule of ['+foo', '-foo', '+@foo', '-@foo', '+config|foo', '-config|foo', '-select|0', '+config|get|x|y', '+@'])
    assert.is(refusal(rule), unknown(rule))
  assert.is(refusal('+config|get|x'), "Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported")
  assert.is(refusal('+config|'), "Error in ACL SETUSER modifier '+config|': Syntax error")
  assert.is(refusal('+select|'), "Error in ACL SETUSER modifier '+select|': Syntax error")
})

test('rules may name commands that only Redis has', () => {
  assert.is(shown('+@all', '-MIGRATE', '-module', '+cluster|info', '+psync'), 'resetchannels +@all -migrate -module +cluster|info +psync')
  assert.is(shown('+cluster|info', '-cluster|info', '-cluster'), 'resetchannels -@all -cluster')
  assert.match(refusal('+cluster|'), /Syntax error$/)
  assert.match(refusal('+sentinel'), /Unknown command/)
  assert.match(refusal('+module|load|x'), /Allowing first-arg of a subcommand is not supported$/)
})

test('a command may be allowed with a first argument only, which is deprecated and warns', () => {
  warnings.length = 0
  const user = userOf('allkeys', '+select|0', '+SELECT|One')
  assert.is(describeUser(user), 'off sanitize-payload ~* resetchannels -@all +select|0 +select|one')
  assert.is(warnings.length, 2)
  assert.is(allowed(user, 'select', '0'), true)
  assert.is(allowed(user, 'select', 'ONE'), true)
  assert.is(allowed(user, 'select', '1'), false)
  assert.is(allowed(userOf('allkeys', '+select|0', '-select'), 'select', '0'), false)
})

test('passwords are stored as hashes, once each, and can be removed', () => {
  const hash = passwordHash('secret')
  assert.is(hash, '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b')
  assert.equal(userOf('>secret', `#${hash}`, '>other').passwords, [hash, passwordHash('other')])
  assert.equal(userOf('>secret', '>other', '<secret', `!${passwordHash('other')}`).passwords, [])
  assert.is(userOf('nopass').needsNoPassword, true)
  assert.is(userOf('nopass', '>x').needsNoPassword, false)
  const reset = userOf('>x', 'nopass', 'resetpass')
  assert.equal([reset.needsNoPassword, reset.passwords], [false, []])
  assert.is(
    refusal('<secret'),
    "Error in ACL SETUSER modifier '<secret': The password you are trying to remove from the user does not exist",
  )
  for (const wrong of ['#abc', `#${hash.toUpperCase()}`, `#${hash}0`, '!'])
    assert.match(refusal(wrong), /The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters$/)
})

test('flags can be set, and reset restores a new user', () => {
  assert.is(describeUser(userOf('ON', 'nopass', 'skip-sanitize-payload')), 'on nopass skip-sanitize-payload resetchannels -@all')
  assert.is(
    describeUser(userOf('on', '>x', '~*', '&*', '+@all', 'skip-sanitize-payload', '(~a)', 'reset')),
    'off sanitize-payload resetchannels -@all',
  )
  const open: RuleContext = { ...context, channelDefault: () => 'all-channels' }
  const user = new User('someone', 'all-channels')
  applyRules(user, ['(+get ~a)', 'resetchannels'], open)
  assert.is(describeUser(user), 'off sanitize-payload resetchannels -@all (~a &* -@all +get)')
  applyRules(user, ['reset'], open)
  assert.is(describeUser(user), 'off sanitize-payload &* -@all')
})

test('a selector may span several words, and clearselectors removes all selectors', () => {
  const two = 'resetchannels -@all (~a resetchannels -@all +get) (%R~b resetchannels &c -@all +@read)'
  assert.is(shown('(~a +get)', '(%R~b &c +@read)'), two)
  assert.is(shown('(~a', '+get)', '(%R~b', '&c', '+@read)'), two)
  assert.is(shown('()'), 'resetchannels -@all (resetchannels -@all)')
  assert.is(shown('(~a +get)', 'clearselectors', '~x'), '~x resetchannels -@all')
  assert.is(refusal('(~a', '+get'), "Unmatched parenthesis in acl selector starting at '(~a'.")
  assert.is(refusal('(~a on)'), "Error in ACL SETUSER modifier '(~a on)': Syntax error")
  assert.is(refusal('(>x)'), "Error in ACL SETUSER modifier '(>x)': Syntax error")
  assert.is(refusal(')'), "Error in ACL SETUSER modifier ')': Syntax error")
})

test('selector patterns that the grammar would misread are shown in quotes', () => {
  const user = userOf('(~"a\'b" &"c\\"" +get)', '(~x) ~y +get)')
  const [, quotes] = user.selectors
  assert.is(quotes?.keys[0]?.pattern, "a'b")
  assert.is(quotes?.channels[0]?.pattern, 'c"')
  assert.equal(
    reread(user).selectors.map(({ keys }) => keys.map(({ pattern }) => pattern)),
    user.selectors.map(({ keys }) => keys.map(({ pattern }) => pattern)),
  )
})

function allowed(user: User, ...words: Bytes[]): boolean {
  const container = table.find(words[0] as Bytes)!
  const command = container.subcommands === undefined ? container : table.findSubcommand(container, words[1] as Bytes)!
  return user.denialOf(command, words) === null
}

/** Returns the user as it is read back from an ACL file. */
function reread(user: User): User {
  const read = readUsers(writeUsers([user]), 'users.acl', context)
  if ('errors' in read) throw new Error(read.errors)
  return read.users.get(user.name)!
}

const PATTERNS = ['*', 'a*', 'a?', '[ab]c', 'key', 'k\\*', '', "it's", 'say"', 'end)', '(open', '\xe9\xff', 'x|y', '%R~x', '#h']
const COMMANDS = [...table.byName.keys()]
const CATEGORIES = ['read', 'write', 'fast', 'slow', 'dangerous', 'set', 'string', 'connection', 'admin', 'keyspace', 'all']

function randomSelectorRule(chance: Seeded): Bytes {
  const sign = chance.pick(['+', '+', '-'])
  const pattern = chance.pick(PATTERNS)
  return chance.pick([
    () => `${sign}${chance.pick(COMMANDS)}`,
    () => `${sign}${chance.pick(COMMANDS)}`,
    () => `${sign}@${chance.pick(CATEGORIES)}`,
    () => `+select|${chance.integer(3)}`,
    () => `~${pattern}`,
    () => `%R~${pattern}`,
    () => `%W~${pattern}`,
    () => `&${pattern}`,
    () => chance.pick(['allkeys', 'resetkeys', 'allchannels', 'resetchannels', 'allcommands', 'nocommands']),
  ])()
}

function randomRule(chance: Seeded): Bytes {
  if (chance.random() < 0.7) return randomSelectorRule(chance)
  return chance.pick([
    () => chance.pick(['on', 'off', 'nopass', 'resetpass', 'skip-sanitize-payload', 'sanitize-payload', 'clearselectors']),
    () => `>${chance.pick(PATTERNS)}`,
    () => `(${Array.from({ length: chance.integer(5) }, () => quotedRule(randomSelectorRule(chance))).join(' ')})`,
  ])()
}

const quotedRule = (rule: Bytes) => (/["']|\)$/.test(rule) ? `"${rule.replace(/["\\]/g, '\\$&')}"` : rule)

/**
 * The names of all commands that a selector allows. After `+@all` a selector says so without a
 * list, and after a removal by a list.
 */
function allowedBy({ hasAllCommands, commands }: Selector): Set<Bytes> {
  return new Set(Array.from(hasAllCommands ? table.byName.values() : commands, ({ name }) => name))
}

test("a user's shown rules make the same user again", () => {
  const chance = seeded('acl-rules')
  let selectors = 0
  for (let round = 0; round < 400; round++) {
    const user = new User('someone', 'no-channels')
    for (let i = chance.integer(15); i > 0; i--) {
      const rule = randomRule(chance)
      const draft = user.draft()
      try {
        applyRules(draft, [rule], context)
      } catch (error) {
        assert.instance(error, RuleError, rule)
        continue
      }
      user.copyFrom(draft)
    }
    selectors += user.selectors.length - 1
    const again = reread(user)
    const text = describeUser(user)
    assert.is(describeUser(again), text)
    assert.equal(again.passwords, user.passwords)
    assert.is(again.isUnrestricted, user.isUnrestricted, text)
    assert.is(again.selectors.length, user.selectors.length)
    for (const [i, selector] of user.selectors.entries()) {
      const other = again.selectors[i]!
      assert.equal(allowedBy(other), allowedBy(selector), text)
      const firstWords = (one: Selector) => [...one.firstWords].map(([{ name }, words]) => [name, [...words].sort()])
      assert.equal(firstWords(other), firstWords(selector), text)
      for (const key of ['key', 'a', 'ab', 'bc', 'k*', "it's", 'say"', 'end)', '\xe9\xff', 'none'])
        for (const access of [['access'], ['update'], []] as const)
          assert.is(other.allowsKey(key, access), selector.allowsKey(key, access), `${key} ${access} of ${text}`)
      for (const channel of PATTERNS)
        for (const kind of ['channel', 'pattern'] as const)
          assert.is(other.allowsChannel(channel, kind), selector.allowsChannel(channel, kind), `${channel} of ${text}`)
    }
  }
  assert.ok(selectors > 50, `${selectors} selectors`)
})

test('an ACL file loads all its users or reports all its errors', () => {
  const text = 'user default on nopass ~* &* +@all\n\n  user alice on >x ~a (~b\n+get)  \r\n'
  assert.match(
    (readUsers(text, '/etc/u', context) as { errors: string }).errors,
    /^\/etc\/u:3: Unmatched parenthesis in selector definition\. \/etc\/u:4 should start with user keyword followed by the username\. $/,
  )
  const wrong = [
    'userx foo',
    'user',
    'user  alice on',
    'user bob on >foo +nocmd +@nocat ~* ~b',
    'user bob on',
    'user dave #bad !xx +nocmd',
    '  user eve\ton',
    '"user" eve on',
  ]
  assert.is(
    (readUsers(wrong.join('\n'), '/u', context) as { errors: string }).errors,
    '/u:1 should start with user keyword followed by the username. /u:2 should start with user keyword followed by the username. ' +
      "/u:3: Syntax error. /u:4: Error in applying operation '+nocmd': Unknown command or category name in ACL. " +
      "/u:4: Error in applying operation '+@nocat': Unknown command or category name in ACL. " +
      "/u:4: Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns. " +
      "WARNING: Duplicate user 'bob' found on line 5. " +
      '/u:6: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters. ' +
      "/u:6: Error in applying operation '+nocmd': Unknown command or category name in ACL. " +
      "'/u:7: username 'eve\ton' contains invalid characters. /u:8 should start with user keyword followed by the username. ",
  )
  const read = readUsers('user a on\nuser \xe9"b off', '/u', context)
  assert.equal('users' in read && [...read.users.keys()], ['a', '\xe9"b'])
})

test.run()
