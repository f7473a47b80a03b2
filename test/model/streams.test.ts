import { test } from 'uvu'
import { streams } from '../support/collection-stream.ts'
import { liveWorlds } from '../support/collection-world.ts'

test('streams and their groups are what Maps are, whatever storage goes through', () => liveWorlds(streams))

test.run()
