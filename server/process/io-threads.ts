/** The setting `io-threads`, which is lowered to 1 where threads cannot share ports. */
import type { Log } from '../../base/log.ts'
import { keepBelow } from '../config/ceiling.ts'
import type { Config } from '../config/config.ts'

/** The platforms on which Node shares a port among threads, and the kernel spreads connections. */
const SHARING_PLATFORMS: readonly string[] = ['linux', 'freebsd']

/** Returns true if threads of this Node can listen on the same port: from 22.12 and 23.1 on. */
export function canSharePorts(nodeVersion: string, platform: string): boolean {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  return SHARING_PLATFORMS.includes(platform) && (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12))
}

/** Lowers io-threads to 1 if threads cannot share a port. */
export function limitIoThreads(config: Config, log: Log): void {
  keepBelow(config, log, {
    name: 'io-threads',
    allowed: (threads) => (canSharePorts(process.versions.node, process.platform) ? threads : 1),
    refusal: () => 'io-threads needs Linux and Node 22.12 or later',
    why: 'more need Linux and Node 22.12 or later',
    fields: {},
  })
}
