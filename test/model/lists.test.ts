/** Lists against arrays while the engine checkpoints, evicts, crashes and restarts. */
import { test } from 'uvu'
import { lists } from '../support/generators/collection-list.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('lists equal arrays through checkpoints, evictions and crashes', () => liveWorlds(lists))

test.run()
