/** Versions of Node on which clients can prepare names that collide in V8's maps. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasPredictableHashes, warnOfPredictableHashes } from '../../../server/process/string-hashes.ts'

const PREDICTABLE = ['18.20.8', '20.15.0', '20.20.1', '21.7.3', '22.0.0', '22.22.1', '23.11.1', '24.4.0', '24.14.0', '25.8.1']
const SAFE = ['20.20.2', '20.21.0', '22.22.2', '22.23.3', '24.14.1', '24.21.0', '25.8.2', '25.9.0', '26.0.0']

test('Node versions with predictable hashes are recognised', () => {
  assert.equal(PREDICTABLE.filter(hasPredictableHashes), PREDICTABLE)
  assert.equal(SAFE.filter(hasPredictableHashes), [])
})

test('a start on such a Node warns and names versions to use', () => {
  const warnings: { readonly node?: unknown; readonly message: string }[] = []
  const ignore = () => {}
  const log = {
    debug: ignore,
    info: ignore,
    error: ignore,
    warn: (fields: object, message: string) => void warnings.push({ ...fields, message }),
  }
  for (const version of [...SAFE, '20.15.0']) warnOfPredictableHashes(log, version)
  assert.is(warnings.length, 1)
  assert.is(warnings[0]?.node, '20.15.0')
  assert.match(warnings[0]?.message ?? '', '20.20.2, 22.22.2, 24.14.1, 25.8.2')
})

test('package.json requires Node versions without the warning', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string }
  }
  const lowest = [...engines.node.matchAll(/\d+\.\d+\.\d+/g)].map(([version]) => version)
  assert.equal(lowest.filter(hasPredictableHashes), [])
  assert.is(lowest.length, 4)
})

test.run()
