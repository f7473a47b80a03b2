/**
 * A selector: a set of permissions that must together allow a whole request. A user has a root
 * selector and may have others; one that allows the request suffices.
 *
 * Commands are allowed one by one: a rule for a category or a container applies to the commands in
 * it at that time. `hasAllCommands` is true if nothing was removed since `+@all`.
 * `hasFutureCommands` is true if `+@all` came after `-@all`.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { lowerCase } from '../../base/bytes.ts'
import type { Denial } from '../contract/access.ts'
import type { Command, KeyAccess, KeyUse } from '../contract/command.ts'
import { keyUsesOf } from '../contract/key-finder.ts'
import { type Glob, globOf } from '../parsing/glob.ts'

export const READ_GRANT = 1
export const WRITE_GRANT = 2

export interface KeyPattern {
  readonly pattern: Bytes
  readonly matches: Glob
  /** READ_GRANT, WRITE_GRANT or both. */
  readonly grants: number
}

export interface ChannelPattern {
  readonly pattern: Bytes
  readonly matches: Glob
}

/** Why a selector refuses a request, with the position of the refused word. */
export type SelectorRefusal = Omit<Denial, 'object'>

const COMMAND_REFUSED: SelectorRefusal = { reason: 'command', position: 0 }

/** A request as checks see it: its keys are found once for all selectors. */
export class CheckedRequest {
  readonly command: Command
  readonly args: readonly Bytes[]
  private found: readonly KeyUse[] | null = null

  constructor(command: Command, args: readonly Bytes[]) {
    this.command = command
    this.args = args
  }

  /** Arguments that contradict a spec add no keys, because the command itself refuses them. */
  get keys(): readonly KeyUse[] {
    this.found ??= keyUsesOf(this.command, this.args)
    return this.found
  }
}

/** The channels that a new selector allows: `acl-pubsub-default` decides. */
export type ChannelDefault = 'all-channels' | 'no-channels'

/** A set of permissions that must together allow a whole request. */
export class Selector {
  hasAllKeys = false
  keys: readonly KeyPattern[] = []
  hasAllChannels: boolean
  channels: readonly ChannelPattern[] = []
  hasAllCommands = false
  hasFutureCommands = false
  /** Used only if not all commands are allowed. */
  readonly commands = new Set<Command>()
  /** Commands allowed only with one of these first arguments (lower case). */
  readonly firstWords = new Map<Command, readonly Bytes[]>()
  /** `+get`, `-@write`: the rules since the last `+@all` or `-@all` that still matter, in order. */
  commandRules: readonly Bytes[] = []

  constructor(channels: ChannelDefault) {
    this.hasAllChannels = channels === 'all-channels'
  }

  copy(): Selector {
    const copy = new Selector('no-channels')
    const { hasAllKeys, keys, hasAllChannels, channels, hasAllCommands, hasFutureCommands, commandRules } = this
    Object.assign(copy, {
      hasAllKeys,
      keys,
      hasAllChannels,
      channels,
      hasAllCommands,
      hasFutureCommands,
      commandRules,
    })
    for (const command of this.commands) copy.commands.add(command)
    for (const [command, words] of this.firstWords) copy.firstWords.set(command, words)
    return copy
  }

  get isUnrestricted(): boolean {
    return this.hasAllCommands && this.hasAllKeys && this.hasAllChannels
  }

  /** Returns why a request may not run; null if it may. */
  refusalOf(request: CheckedRequest): SelectorRefusal | null {
    if (!this.hasAllCommands && !this.allowsCommand(request)) return COMMAND_REFUSED
    if (!this.hasAllKeys && request.command.keys !== undefined) {
      for (const { position, access } of request.keys) {
        if (!this.allowsKey(must(request.args[position]), access)) return { reason: 'key', position }
      }
    }
    return this.hasAllChannels ? null : this.channelRefusal(request)
  }

  allowsKey(key: Bytes, access: readonly KeyAccess[]): boolean {
    if (this.hasAllKeys) return true
    const needs = needsOf(access)
    for (const pattern of this.keys) if ((needs & ~pattern.grants) === 0 && pattern.matches(key)) return true
    return false
  }

  get mayReadAllKeys(): boolean {
    return this.hasAllKeys || this.keys.some(({ pattern, grants }) => (grants & READ_GRANT) !== 0 && pattern === '*')
  }

  /**
   * True if a channel matches one of the selector's patterns, or if a pattern equals one of them
   * byte by byte.
   */
  allowsChannel(channel: Bytes, kind: 'channel' | 'pattern'): boolean {
    if (this.hasAllChannels) return true
    return this.channels.some(({ pattern, matches }) => (kind === 'pattern' ? pattern === channel : matches(channel)))
  }

  private allowsCommand({ command, args }: CheckedRequest): boolean {
    if (this.commands.has(command) || command.flags.includes('no_auth')) return true
    const words = this.firstWords.get(command)
    return words !== undefined && args[1] !== undefined && words.includes(lowerCase(args[1]))
  }

  private channelRefusal({ command, args }: CheckedRequest): SelectorRefusal | null {
    const { channels } = command
    if (channels === undefined) return null
    const end = channels.count === 'one' ? Math.min(2, args.length) : args.length
    for (let position = 1; position < end; position++) {
      if (!this.allowsChannel(must(args[position]), channels.kind)) return { reason: 'channel', position }
    }
    return null
  }
}

/**
 * The grants that an access needs. An access that neither reads the value nor changes it (EXISTS)
 * needs none: any matching pattern suffices.
 */
function needsOf(access: readonly KeyAccess[]): number {
  let needs = 0
  for (const word of access) {
    if (word === 'access') needs |= READ_GRANT
    else if (word === 'insert' || word === 'update' || word === 'delete') needs |= WRITE_GRANT
  }
  return needs
}

export function keyPattern(pattern: Bytes, grants: number): KeyPattern {
  return { pattern, matches: globOf(pattern), grants }
}

export function channelPattern(pattern: Bytes): ChannelPattern {
  return { pattern, matches: globOf(pattern) }
}
