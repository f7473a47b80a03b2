/**
 * The Redis version whose behaviour is followed. Clients, Sentinel and exporters derive a server's
 * features from it.
 */
export const REDIS_COMPATIBLE_VERSION = '7.2.4'

/** The version of haypile, as in package.json. */
export const HAYPILE_VERSION = '0.1.0'
