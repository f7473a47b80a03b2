/** Warnings at the start about configuration that has no effect. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { at } from '../../base/assert.ts'
import { textOf } from '../../base/bytes.ts'
import type { Log } from '../../base/log.ts'
import type { Config } from './config.ts'
import { defaultOf } from './key.ts'
import { configKeys } from './table.ts'

/**
 * Warns of each key whose value has no effect, and of Redis data files, which the server does not
 * read.
 */
export function logIneffective(config: Config, log: Log): void {
  for (const key of configKeys) {
    if (key.warning === undefined) continue
    const [, value] = at(config.match([key.name]), 0)
    const initial = key.kind.print(key.kind.parse([defaultOf(key, { memoryBytes: 0 })], undefined))
    if (value !== initial) log.warn({ value: textOf(value) }, `${key.name} has no effect: ${key.warning}`)
  }
  for (const name of ['dbfilename', 'appenddirname'] as const) {
    const path = join(config.path('dir'), config.path(name))
    if (existsSync(path))
      log.warn(
        { path },
        `the directory holds Redis data, which the server does not read; \`haypile import ${path} --dir DIR\` brings it into an empty directory`,
      )
  }
}
