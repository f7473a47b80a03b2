/** The Redis version whose behaviour is followed. Clients, Sentinel and exporters decide by it what a server can do. */
export const REDIS_COMPATIBLE_VERSION = '7.2.4'

/** This server's own version, as in package.json. */
export const HAYPILE_VERSION = '0.1.0'
