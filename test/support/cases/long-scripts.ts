/** Long-running scripts, for tests of requests that arrive meanwhile. */
import type { Bytes } from '../../../base/bytes.ts'
import { type RunningServer, until } from '../servers/running-server.ts'
import { WireError } from '../servers/wire-client.ts'

export const FOREVER = 'while true do end'

/**
 * A script that runs for about this many milliseconds by os.clock(). The server's own clock stands
 * still during a script.
 */
export const takes = (milliseconds: number): Bytes => `local till = os.clock() + ${milliseconds / 1000} while os.clock() < till do end`

export const BUSY = new WireError('BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.')

/** Waits until other clients get BUSY. */
export async function isBusy(server: RunningServer): Promise<void> {
  await until('other clients to get BUSY', async () => {
    const reply = await server.call('PING')
    return reply instanceof WireError && reply.text.startsWith('BUSY ')
  })
}
