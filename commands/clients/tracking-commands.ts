/**
 * CLIENT TRACKING CACHING TRACKINGINFO GETREDIR: client-side caching, whose rules are in
 * tracking.ts.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { ClientsPort } from '../contract/ports.ts'
import { MapReply, OK, SetReply } from '../contract/reply.ts'
import type { SessionTracker, TrackingOptions } from '../contract/tracking.ts'
import { isToken, requireInteger } from '../parsing/args.ts'

const FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale']

interface TrackingRequest {
  readonly redirect: number
  readonly prefixes: readonly Bytes[]
  readonly isBroadcast: boolean
  readonly isOptIn: boolean
  readonly isOptOut: boolean
  readonly mustSkipOwn: boolean
}

const SWITCHES = ['bcast', 'optin', 'optout', 'noloop'] as const

function readRequest(args: readonly Bytes[], clients: ClientsPort): TrackingRequest {
  let redirect = 0
  const prefixes: Bytes[] = []
  const switches = new Set<Bytes>()
  for (let i = 3; i < args.length; i++) {
    const option = must(args[i])
    const value = args[i + 1]
    const found = SWITCHES.find((name) => isToken(option, name))
    if (found !== undefined) switches.add(found)
    else if (value === undefined) throw syntaxError()
    else if (isToken(option, 'redirect')) {
      if (redirect !== 0) throw clientError('ERR A client can only redirect to a single other client')
      redirect = Number(requireInteger(value))
      if (clients.find(redirect) === undefined) throw clientError('ERR The client ID you want redirect to does not exist')
      i++
    } else if (isToken(option, 'prefix')) {
      prefixes.push(value)
      i++
    } else throw syntaxError()
  }
  const [isBroadcast, isOptIn, isOptOut, mustSkipOwn] = SWITCHES.map((name) => switches.has(name)) as [boolean, boolean, boolean, boolean]
  return { redirect, prefixes, isBroadcast, isOptIn, isOptOut, mustSkipOwn }
}

/**
 * Returns the options. Throws Redis's errors if they contradict each other or the client's present
 * options.
 */
function requireFitting({ prefixes, isOptIn, isOptOut, ...request }: TrackingRequest, tracker: SessionTracker | null): TrackingOptions {
  const { redirect, isBroadcast, mustSkipOwn } = request
  if (!isBroadcast && prefixes.length > 0) throw clientError('ERR PREFIX option requires BCAST mode to be enabled')
  if (tracker !== null && tracker.options.isBroadcast !== isBroadcast) {
    throw clientError(
      "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
    )
  }
  if (isBroadcast && (isOptIn || isOptOut)) throw clientError('ERR OPTIN and OPTOUT are not compatible with BCAST')
  if (isOptIn && isOptOut) throw clientError("ERR You can't specify both OPTIN mode and OPTOUT mode")
  const before = tracker?.options.choice
  if ((isOptIn && before === 'optout') || (isOptOut && before === 'optin')) {
    throw clientError(
      "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
    )
  }
  if (isBroadcast) requireDistinct(prefixes, tracker)
  return { redirect, isBroadcast, mustSkipOwn, choice: isOptIn ? 'optin' : isOptOut ? 'optout' : 'all' }
}

/** Throws if prefixes overlap: a client must not be notified twice of one key. */
function requireDistinct(prefixes: readonly Bytes[], tracker: SessionTracker | null): void {
  for (const [i, prefix] of prefixes.entries()) {
    const existing = [...(tracker?.prefixes ?? [])].sort().find((other) => overlap(other, prefix))
    if (existing !== undefined) throw overlapping(prefix, `an existing prefix '${existing}'`)
    const another = prefixes.slice(i + 1).find((other) => overlap(other, prefix))
    if (another !== undefined) throw overlapping(prefix, `another provided prefix '${another}'`)
  }
}

const overlapping = (prefix: Bytes, what: Bytes) =>
  clientError(`ERR Prefix '${prefix}' overlaps with ${what}. Prefixes for a single client must not overlap.`)

const overlap = (a: Bytes, b: Bytes) => a.startsWith(b) || b.startsWith(a)

const tracking = command({
  name: 'client|tracking',
  group: 'connection',
  since: '6.0.0',
  summary: 'Controls server-assisted client-side caching for the connection.',
  complexity: 'O(1). Some options may introduce additional complexity.',
  syntax: 'CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]',
  arity: -3,
  flags: FLAGS,
  run({ session, server, tracking }, args) {
    const request = readRequest(args, server.clients)
    if (isToken(args[2], 'on')) tracking.enable(session, requireFitting(request, session.tracker), request.prefixes)
    else if (isToken(args[2], 'off')) tracking.disable(session)
    else throw syntaxError()
    return OK
  },
})

const caching = command({
  name: 'client|caching',
  group: 'connection',
  since: '6.0.0',
  summary: 'Instructs the server whether to track the keys in the next request.',
  complexity: 'O(1)',
  syntax: 'CLIENT CACHING <YES | NO>',
  arity: 3,
  flags: FLAGS,
  run({ session: { tracker } }, args) {
    if (tracker === null) {
      throw clientError('ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled')
    }
    const { choice } = tracker.options
    if (isToken(args[2], 'yes')) {
      if (choice !== 'optin') throw clientError('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.')
    } else if (isToken(args[2], 'no')) {
      if (choice !== 'optout') throw clientError('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.')
    } else throw syntaxError()
    tracker.hasCachingAnswer = true
    return OK
  },
})

const getRedir = command({
  name: 'client|getredir',
  group: 'connection',
  since: '6.0.0',
  summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
  complexity: 'O(1)',
  syntax: 'CLIENT GETREDIR',
  arity: 2,
  flags: FLAGS,
  run: ({ session }) => session.tracker?.options.redirect ?? -1,
})

const trackingInfo = command({
  name: 'client|trackinginfo',
  group: 'connection',
  since: '6.2.0',
  summary: 'Returns information about server-assisted client-side caching for the connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT TRACKINGINFO',
  arity: 2,
  flags: FLAGS,
  run: ({ session: { tracker } }) =>
    new MapReply([
      'flags',
      new SetReply(tracker === null ? ['off'] : trackingFlagsOf(tracker)),
      'redirect',
      tracker?.options.redirect ?? -1,
      'prefixes',
      [...(tracker?.prefixes ?? [])].sort(),
    ]),
})

function trackingFlagsOf({ options, hasCachingAnswer, isRedirectBroken }: SessionTracker): Bytes[] {
  const flags = ['on']
  if (options.isBroadcast) flags.push('bcast')
  if (options.choice !== 'all') flags.push(options.choice)
  if (options.choice !== 'all' && hasCachingAnswer) flags.push(options.choice === 'optin' ? 'caching-yes' : 'caching-no')
  if (options.mustSkipOwn) flags.push('noloop')
  if (isRedirectBroken) flags.push('broken_redirect')
  return flags
}

export const CLIENT_TRACKING_HELP: readonly Bytes[] = [
  'CACHING (YES|NO)',
  "    Turns tracking of the next command's keys on or off, in OPTIN or OPTOUT mode.",
  'GETREDIR',
  '    Returns the id of the connection that gets the notifications instead: 0 for none, -1 without tracking.',
  'TRACKING (ON|OFF) [REDIRECT <client-id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]',
  '    Turns notifications of changed keys on or off, and sets how they are sent.',
  'TRACKINGINFO',
  '    Returns the tracking options of this connection.',
]

export const clientTracking: readonly Command[] = [tracking, caching, getRedir, trackingInfo]
