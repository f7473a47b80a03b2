/** A command that fails changes nothing and logs nothing, whatever is wrong with it; and nothing goes wrong but what the client is told. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../commands/connection.ts'
import { databasesDigest } from '../../commands/debug-digest.ts'
import { ClientError } from '../../commands/errors.ts'
import { objects } from '../../commands/object.ts'
import { scans } from '../../commands/scan.ts'
import type { Bytes } from '../../storage/bytes.ts'
import { runLater } from '../../storage/steps.ts'
import { dataFamilies } from '../support/data-families.ts'
import { harness } from '../support/executor-harness.ts'
import { FIELD_WRITES, makeRequest, READS, WRITES } from '../support/request-grammar.ts'
import { seeded } from '../support/seed.ts'
import { SPOIL_DATA, spoil } from '../support/spoiled-requests.ts'

const ROUNDS = 40

function world() {
  const made = harness([...dataFamilies, connection, objects, scans])
  made.executor.context.mayBlock = false
  for (const line of SPOIL_DATA) made.run(...line.split(' '))
  made.logged()
  return made
}

/** A word put into a SORT may make it one that stores. */
const storesSorted = (request: readonly Bytes[]) => /^sort$/i.test(request[0] ?? '') && request.some((word) => /^store$/i.test(word))

function check(name: Bytes, forms: readonly Bytes[], digestEach: 'failure' | 'request'): void {
  test(`what is wrong is refused, and nothing has happened: ${name}`, async () => {
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
