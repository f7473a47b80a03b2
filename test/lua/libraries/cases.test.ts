/**
 * The libraries of scripts return the results and errors of redis-server.
 * test/interop/redis/lua-libraries.test.ts runs the same cases on it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LIBRARY_CASES } from '../../support/cases/library-cases.ts'
import { LibraryMachine } from '../../support/harness/library-machine.ts'

for (const [library, cases] of Object.entries(LIBRARY_CASES)) {
  test(`${library} has redis-server's results`, () => {
    assert.ok(cases.length > 15)
    const machine = new LibraryMachine()
    for (const { lua, expected } of cases) assert.is(machine.show(lua), expected, lua)
  })
}

test.run()
