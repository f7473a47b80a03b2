/** Removes passwords from requests that are kept or shown. */
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { isToken } from '../../commands/parsing/args.ts'
import { findConfigName } from '../config/table.ts'

const REDACTED = '(redacted)'

/** Decides which words of a request are secret. */
type Secrets = (args: readonly Bytes[]) => (index: number) => boolean

const from = (first: number) => (index: number) => index >= first

const RULES: ReadonlyMap<Bytes, Secrets> = new Map<Bytes, Secrets>([
  ['auth', () => from(1)],
  ['hello', afterKeyword('auth', 2)],
  ['migrate', migrateSecrets],
  ['config', (args) => (isToken(args[1], 'set') ? (index) => index >= 3 && index % 2 === 1 && isSecretKey(args[index - 1]) : none())],
  ['acl', (args) => (isToken(args[1], 'setuser') || isToken(args[1], 'deluser') || isToken(args[1], 'getuser') ? from(2) : none())],
])

/** Returns the request with every password replaced; the original array if there is none. */
export function redacted(args: readonly Bytes[]): readonly Bytes[] {
  const name = args[0]
  if (name === undefined || name.length > 7) return args
  const rule = RULES.get(lowerCase(name))
  if (rule === undefined) return args
  const isSecret = rule(args)
  return args.some((_, index) => isSecret(index)) ? args.map((word, index) => (isSecret(index) ? REDACTED : word)) : args
}

function none(): (index: number) => boolean {
  return () => false
}

function isSecretKey(name: Bytes | undefined): boolean {
  return name !== undefined && findConfigName(name)?.key.secret === true
}

/** Marks the `count` words after every occurrence of a keyword. */
function afterKeyword(keyword: Bytes, count: number): Secrets {
  return (args) => (index) => {
    for (let back = 1; back <= count; back++) if (index - back > 0 && isToken(args[index - back], keyword)) return true
    return false
  }
}

/** MIGRATE host port key db timeout ... [AUTH password | AUTH2 user password] */
function migrateSecrets(args: readonly Bytes[]): (index: number) => boolean {
  const password = afterKeyword('auth', 1)(args)
  const both = afterKeyword('auth2', 2)(args)
  return (index) => index > 6 && (password(index) || both(index))
}
