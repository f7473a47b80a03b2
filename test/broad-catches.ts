/**
 * The places of the product that go on after any error, by file, each with its reason
 * (test/support/tidy/broad-catches.ts says what counts). The lists may only shrink.
 */

/** The `try` calls a function of Node or LevelDB and no code of the product, which could assert. */
const FOREIGN = 'runs no code of the product'
/** The process ends here in any case. */
const ENDS = 'the process ends'
/** A bug of a command ends the process in `ExecutorHooks.onBug`, which `failure` calls. */
const REPORTS = 'this is the one place that reports the bugs of commands'

export const BROAD_CATCHES: Readonly<Record<string, readonly string[]>> = {
  'commands/execution/invocation.ts': [REPORTS],
  'commands/execution/walks.ts': [REPORTS],
  'lua/module.ts': [FOREIGN],
  'server/check-command.ts': ['a bug ends `haypile check` with status 2; without this the status would say that data is damaged'],
  'server/logging/log.ts': [FOREIGN],
  'server/main.ts': [ENDS, FOREIGN, ENDS, ENDS],
  'server/network/listener.ts': [FOREIGN],
  'server/process/main-thread-cpu.ts': [FOREIGN],
  'server/process/memory.ts': [FOREIGN],
  'server/process/open-files.ts': [FOREIGN, FOREIGN],
  'storage/directory/identity.ts': [FOREIGN],
  'storage/records/level-records.ts': [FOREIGN],
  'storage/records/meta.ts': [FOREIGN],
  'storage/records/record-reader-worker.ts': ['the thread sends every error to the main thread, which throws it'],
  'storage/scan/scan-cursors.ts': [FOREIGN],
}
