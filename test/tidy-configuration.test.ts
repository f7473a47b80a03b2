/** docs/configuration.md is printed from the table of configuration keys. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { configurationPage } from './support/tidy/configuration-page.ts'
import { ROOT } from './support/tidy/sources.ts'

const path = join(ROOT, 'docs', 'configuration.md')
const { HAYPILE_WRITE_DOCS } = process.env

test('docs/configuration.md says what the table of configuration keys says', () => {
  const page = configurationPage()
  if (HAYPILE_WRITE_DOCS === '1') writeFileSync(path, page)
  assert.ok(readFileSync(path, 'utf8') === page, 'docs/configuration.md is out of date: HAYPILE_WRITE_DOCS=1 npm test tidy-configuration')
})

test.run()
