/** Sets against JavaScript's while the engine checkpoints, evicts, crashes and restarts. */
import { test } from 'uvu'
import { sets } from '../support/generators/collection-set.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test("sets equal JavaScript's through checkpoints, evictions and crashes", () => liveWorlds(sets))

test.run()
