/** Temporary directories that do not outlive the process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** The database may create a file while its directory is being removed. */
const REMOVE_RETRIES = 5

/** A directory in the system's temporary one. It is removed also if a signal ends the process. */
export class TemporaryDirectory {
  readonly path: string

  constructor(prefix: string) {
    this.path = mkdtempSync(join(tmpdir(), prefix))
    for (const signal of SIGNALS) process.on(signal, this.end)
  }

  remove(): void {
    for (const signal of SIGNALS) process.off(signal, this.end)
    rmSync(this.path, { recursive: true, force: true, maxRetries: REMOVE_RETRIES })
  }

  /** Ends the process as the signal would have done. */
  private readonly end = (signal: NodeJS.Signals): void => {
    this.remove()
    process.kill(process.pid, signal)
  }
}
