/** The facts of a request that gates judge: its possible writes, reads and waits. */
import { at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Command } from '../../commands/contract/command.ts'
import { keysOf } from '../../commands/contract/key-finder.ts'
import type { Request } from '../../commands/contract/request.ts'
import { runsScript } from '../../commands/contract/runtimes.ts'
import type { Client } from '../../commands/contract/session.ts'
import { isToken } from '../../commands/parsing/args.ts'
import type { ScriptFlags } from '../../commands/scripting/flags.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import type { Storage } from '../../storage/storage.ts'
import { hasStoredPages } from '../../storage/values/value.ts'

/** A request that is judged, with what its script declares. */
export interface GatedRequest {
  readonly command: Command
  readonly args: readonly Bytes[]
  readonly client: Client
  /** The flags that the request's script declares; null without any. */
  readonly flags: ScriptFlags | null
  /** True for a write command, and for a script whose flags allow writes. */
  readonly isWrite: boolean
  /** True if it may write, as scripts without flags and PUBLISH may. */
  readonly mayWrite: boolean
  /** True for a write, and for a script without flags that may write. */
  readonly isLikeWrite: boolean
  /** True if the command itself, whatever its script declares, is a write command. */
  readonly isWriteCommand: boolean
}

export function gatedRequest(
  { runtime, args, client }: Request,
  flagsOfScript: (command: Command, args: readonly Bytes[]) => ScriptFlags | null,
): GatedRequest {
  const { command, isWrite: isWriteCommand, mayWrite: mayCommandWrite } = runtime
  const isScript = runsScript(command)
  const flags = isScript ? flagsOfScript(command, args) : null
  const isWrite = flags === null ? isWriteCommand : !flags.mustNotWrite
  const mayWrite = flags === null ? mayCommandWrite : !flags.mustNotWrite
  return { command, args, client, flags, isWrite, mayWrite, isLikeWrite: isWrite || (isScript && mayWrite), isWriteCommand }
}

/** True if a pause holds the request. A pause of everything also holds a replica's reads. */
export function isHeldByPause({ command, mayWrite, client }: GatedRequest, paused: 'all' | 'write' | null): boolean {
  if (mayWrite) return true
  return paused === 'all' && (client.remoteRole === 'client' || command.flags.includes('readonly'))
}

/** True if a request runs while a script is suspended. SHUTDOWN runs only if it saves nothing,
 *  since the state is incomplete. */
export function runsBesideScript({ name, flags }: Command, args: readonly Bytes[]): boolean {
  if (name === 'shutdown') return args.some((word) => isToken(word, 'nosave') || isToken(word, 'abort'))
  return flags.includes('allow_busy')
}

/** True if the request names every key that the command reads. Scripts and the patterns of SORT may
 *  read others. */
export function namesItsKeys(command: Command): boolean {
  const { keys = [] } = command
  return keys.length > 0 && !keys.some(({ begin }) => 'unknown' in begin) && !runsScript(command)
}

/**
 * True if a command may read from LevelDB: keys that are not resident, or values with pages on disk
 * only. All databases count, since the command, or one before it in the same transaction, may
 * select another.
 */
export function mayNeedRecords({ command, args, isWriteCommand }: GatedRequest, { keyspace }: Storage): boolean {
  const { databases } = keyspace
  if (runsScript(command)) return true
  if (!isWriteCommand && !command.flags.includes('readonly')) return false
  if (command.steps !== undefined) return command.mayWait?.(keyspace) !== false
  if (command.keys === undefined && !isWriteCommand) return false
  if (databases.some((db) => !db.isWholeInMemory)) return true
  if (command.keys === undefined) return false
  if (!namesItsKeys(command)) return true
  const isPartial = (key: Bytes) => databases.some((db) => mayBePartial(db.resident(key)) || db.packed.isRecord(key))
  return keysOf(command, args).some((position) => isPartial(at(args, position)))
}

/** True if some pages of an entry's value may be on disk only. */
function mayBePartial(entry: Entry | undefined): boolean {
  const value = entry?.value ?? null
  return value !== null && typeof value !== 'string' && hasStoredPages(value)
}
