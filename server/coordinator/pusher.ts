/**
 * Brings the map to the nodes with CLUSTERX SETNODES, and repeats it until each of them has its
 * version. A node refuses older versions, so a late message does no harm.
 */
import { addressText } from '../../base/address-text.ts'
import { rethrowAssertion } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import { type ClusterMap, type MapNode, nodesOf, setNodesText } from '../cluster-map/map.ts'
import { type AskNode, NodeFailure, NodeRefusal } from './node-requests.ts'

/** A node that has the version is asked again after this time: it may have been replaced. */
const ASK_AGAIN_MS = 5000
const RETRY_MS = 500

export interface PusherOptions {
  readonly ask: AskNode
  readonly clock: Clock
  readonly log: Log
}

interface PushState {
  version: number
  nextAtMs: number
  isAsked: boolean
  /** The last failure that was logged. */
  failure: string
}

/** Pushes the map to nodes. */
export class Pusher {
  private readonly options: PusherOptions
  private readonly states = new Map<string, PushState>()
  private readonly running = new Set<Promise<void>>()

  constructor(options: PusherOptions) {
    this.options = options
  }

  /** Asks and tells the nodes for which it is time. Does not wait for them. */
  push(map: ClusterMap): void {
    const nowMs = this.options.clock.monotonicMs()
    for (const node of map.shards.flatMap((shard) => nodesOf(shard))) {
      const state = this.stateOf(node)
      if (state.isAsked || (state.version >= map.version && nowMs < state.nextAtMs)) continue
      if (state.failure !== '' && nowMs < state.nextAtMs) continue
      state.isAsked = true
      const running = this.bring(node, state, map).then(() => {
        state.isAsked = false
        this.running.delete(running)
      })
      this.running.add(running)
    }
  }

  /** Resolves when no node is being asked. */
  async close(): Promise<void> {
    await Promise.all(this.running)
  }

  private stateOf({ id, host, port }: MapNode): PushState {
    const key = `${id} ${host} ${port}`
    const state = this.states.get(key) ?? { version: -1, nextAtMs: 0, isAsked: false, failure: '' }
    this.states.set(key, state)
    return state
  }

  private async bring(node: MapNode, state: PushState, map: ClusterMap): Promise<void> {
    const { ask, clock, log } = this.options
    const name = addressText(node)
    try {
      const [version] = await ask(node, [['CLUSTERX', 'VERSION']])
      if (version instanceof NodeRefusal) throw version
      state.version = Number(version)
      if (state.version < map.version) {
        const replies = await ask(node, [
          ['CLUSTERX', 'SETNODEID', node.id],
          ['CLUSTERX', 'SETNODES', setNodesText(map), String(map.version)],
        ])
        for (const reply of replies) if (reply instanceof NodeRefusal) throw reply
        state.version = map.version
        log.info({ node: name, version: map.version }, 'a node has the map')
      }
      state.failure = ''
      state.nextAtMs = clock.monotonicMs() + ASK_AGAIN_MS
    } catch (error) {
      rethrowAssertion(error)
      if (!(error instanceof NodeFailure)) throw error
      const text = errorText(error)
      if (state.failure !== text)
        log.warn({ node: name, version: map.version, error: text }, 'cannot bring the map to a node, trying again')
      state.failure = text
      state.nextAtMs = clock.monotonicMs() + RETRY_MS
    }
  }
}
