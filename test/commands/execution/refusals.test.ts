/**
 * A command that fails for any reason changes nothing and logs nothing. It fails only with an error
 * that its client gets.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { objects } from '../../../commands/keys/object.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { databasesDigest } from '../../../commands/server/debug-digest.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { FIELD_WRITES, makeRequest, READS, WRITES } from '../../support/generators/request-grammar.ts'
import { seeded } from '../../support/generators/seed.ts'
import { SPOIL_DATA, spoil } from '../../support/generators/spoiled-requests.ts'
import { harness } from '../../support/harness/harness.ts'

const ROUNDS = 40

function world() {
  const made = harness([...dataFamilies, connection, objects, scans])
  made.executor.context.mayBlock = false
  for (const line of SPOIL_DATA) made.run(...line.split(' '))
  made.logged()
  return made
}

/** Returns true for a SORT into which a random word may put STORE. */
const storesSorted = (request: readonly Bytes[]) => /^sort$/i.test(request[0] ?? '') && request.some((word) => /^store$/i.test(word))

function check(name: Bytes, forms: readonly Bytes[], digestEach: 'failure' | 'request'): void {
  test(`refused requests change and log nothing: ${name}`, async () => {
    const chance = seeded(`refusals of ${name}`)
    let made = world()
    let before = await runLater(databasesDigest(made.keyspace))
    for (const form of forms) {
      for (let i = 0; i < ROUNDS; i++) {
        const request = spoil(makeRequest(form, chance), chance)
        let isRefused = false
        try {
          await made.runAsync(...request)
        } catch (error) {
          assert.instance(error, ClientError, `${JSON.stringify(request)}: ${(error as Error).stack}`)
          assert.not.match((error as Error).message, /internal error/, JSON.stringify(request))
          isRefused = true
        }
        const logged = made.logged()
        if (isRefused) assert.equal(logged, [], JSON.stringify(request))
        if (isRefused || (digestEach === 'request' && !storesSorted(request)) || logged.length === 0)
          assert.is(await runLater(databasesDigest(made.keyspace)), before, JSON.stringify(request))
        else {
          made = world()
          before = await runLater(databasesDigest(made.keyspace))
        }
      }
    }
  })
}

check('writes', [...WRITES, ...FIELD_WRITES], 'failure')
check(
  'reads',
  READS.filter((form) => !form.startsWith('PFCOUNT')),
  'request',
)

test.run()
