/** Files of tests that do not run all of their tests have failed, whatever their status. */
import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FileOutcome, outcomeOf } from './file-outcome.ts'

/** Runs a program of uvu's. */
function outcome(...lines: readonly string[]): Omit<FileOutcome, 'text'> & { readonly status: number | null; readonly note: boolean } {
  const uvu = import.meta.resolve('uvu')
  const program = [`import { test } from ${JSON.stringify(uvu)}`, ...lines, 'test.run()'].join('\n')
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  const { text, ...counts } = outcomeOf(stdout, status === 0)
  return { ...counts, status, note: text.includes('did not run: does a hook throw?') }
}

const GOOD = "test('good', () => {})"
const BAD = "test('bad', () => { throw new Error('bad') })"

test('a file whose tests all run has passed, with those that it skips', () => {
  assert.equal(outcome(GOOD, GOOD, "test.skip('later', () => {})"), { passed: 2, failed: 0, skipped: 1, status: 0, note: false })
})

test('a file with a failed test has failed, and so has one without tests', () => {
  assert.equal(outcome(GOOD, BAD), { passed: 1, failed: 1, skipped: 0, status: 1, note: false })
  assert.equal(outcome(), { passed: 0, failed: 1, skipped: 0, status: 0, note: false })
  assert.equal(outcomeOf('', true).failed, 1)
})

test('a file whose hook throws has failed although uvu ends with status 0', () => {
  const before = "test.before(() => { throw new Error('no server') })"
  assert.equal(outcome(before, GOOD, GOOD), { passed: 0, failed: 2, skipped: 0, status: 0, note: true })
  const skip = "test.skip('later', () => {})"
  assert.equal(outcome(before, GOOD, skip), { passed: 0, failed: 1, skipped: 1, status: 0, note: true })
  const each = "test.after.each(() => { throw new Error('not closed') })"
  assert.equal(outcome(each, GOOD, GOOD), { passed: 0, failed: 2, skipped: 0, status: 0, note: true })
})

test('a file that ends with another status has failed although its tests have passed', () => {
  const { passed, failed } = outcome(GOOD, 'process.on("exit", () => { process.exitCode = 3 })')
  assert.equal([passed, failed], [1, 1])
})

test.run()
