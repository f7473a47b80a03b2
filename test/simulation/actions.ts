/**
 * The actions in a world and their frequencies. An action that does not fit the moment gives way to
 * another one.
 */
import * as misfortune from './misfortunes.ts'
import type { Act } from './operators.ts'
import * as operator from './operators.ts'
import type { World } from './world.ts'

interface Action {
  readonly weight: (world: World) => number
  readonly act: Act
}

const always = () => 1
const free = ({ settings }: World) => (settings.roles === 'free' ? 1 : 0)
const network = ({ settings }: World) => settings.trouble.network
const crashes = ({ settings }: World) => settings.trouble.crashes
const disks = ({ settings }: World) => settings.trouble.disk
const clocks = ({ settings }: World) => settings.trouble.clocks
const times =
  (factor: number, weight: Action['weight']): Action['weight'] =>
  (world) =>
    factor * weight(world)

const ACTIONS: readonly Action[] = [
  { weight: times(12, always), act: operator.write },
  { weight: times(1, always), act: operator.writeAndWait },
  { weight: times(0.15, always), act: operator.purge },
  { weight: times(0.8, always), act: operator.slaveOf },
  { weight: times(0.5, always), act: operator.leaveAndReturn },
  { weight: times(0.6, free), act: operator.leave },
  { weight: ({ settings }) => ({ fixed: 0, failover: 1, free: 0.3 })[settings.roles], act: operator.failover },
  { weight: times(0.2, always), act: operator.abort },
  { weight: times(0.05, free), act: operator.clearId },
  { weight: times(0.3, always), act: operator.checkpoint },
  { weight: times(0.2, always), act: operator.reconnect },
  { weight: times(0.1, always), act: operator.reload },
  { weight: times(1, crashes), act: misfortune.crash('kill') },
  { weight: times(1, crashes), act: misfortune.crash('power loss') },
  { weight: times(0.5, crashes), act: misfortune.stop },
  { weight: times(5, network), act: misfortune.breakOne },
  { weight: times(0.6, network), act: misfortune.partition },
  { weight: times(0.3, network), act: misfortune.refuse },
  { weight: times(0.5, network), act: misfortune.slow },
  { weight: times(1, disks), act: misfortune.diskFull },
  { weight: times(2, disks), act: misfortune.writeFails },
  { weight: times(0.5, disks), act: misfortune.levelFails },
  { weight: times(2, disks), act: misfortune.slowDisk },
  { weight: times(0.5, disks), act: misfortune.applyFails },
  { weight: times(1, network), act: misfortune.haunt },
  { weight: clocks, act: misfortune.clockJump },
]

/** Does one action. Returns a description. */
export function actOnce(world: World): string {
  const weights = ACTIONS.map(({ weight }) => weight(world))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (let tries = 0; tries < 20; tries++) {
    let at = world.chance.random() * total
    const index = weights.findIndex((weight) => {
      at -= weight
      return at < 0
    })
    const done = ACTIONS[index]?.act(world) ?? null
    if (done !== null) return done
  }
  return 'nothing'
}
