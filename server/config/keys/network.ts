/** Configuration keys of sockets, TLS and clients. */
import type { ConfigKey } from '../key.ts'
import { choice, flag, integer, MAX_INT32, MAX_INT64, MAX_UINT32, memory, text } from '../kinds.ts'
import { addresses, bufferLimits, eventClasses, octal } from '../kinds-special.ts'

const MEBIBYTE = 1024 * 1024

const sockets = [
  {
    name: 'port',
    section: 'network',
    kind: integer(0, 65535),
    default: '6379',
    changes: 'kept',
    help: 'TCP port; 0 for none',
  },
  {
    name: 'bind',
    section: 'network',
    kind: addresses,
    default: '* -::*',
    changes: 'kept',
    help: 'addresses to listen on; * is any IPv4 address, ::* any IPv6 address; an address with a leading minus may be missing',
  },
  {
    name: 'protected-mode',
    section: 'network',
    kind: flag,
    default: 'yes',
    changes: 'any-time',
    help: 'while no password is set, serve only clients of this machine',
  },
  { name: 'unixsocket', section: 'network', kind: text, default: '', changes: 'at-start', help: 'path of a Unix socket to listen on' },
  {
    name: 'unixsocketperm',
    section: 'network',
    kind: octal(0o777),
    default: '0',
    changes: 'at-start',
    help: 'file mode of the Unix socket, octal; 0 leaves it to `umask`',
  },
  {
    name: 'tcp-backlog',
    section: 'network',
    kind: integer(0, MAX_INT32),
    default: '511',
    changes: 'at-start',
    help: 'connections that may wait to be accepted',
  },
  {
    name: 'timeout',
    section: 'network',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: '0',
    changes: 'any-time',
    help: 'close a client that has been idle for this time; 0 for never',
  },
  {
    name: 'tcp-keepalive',
    section: 'network',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: '300',
    changes: 'any-time',
    help: 'interval of probes on a silent connection; 0 for none',
  },
  {
    name: 'io-threads',
    section: 'network',
    kind: integer(1, 128),
    default: '1',
    changes: 'at-start',
    help: 'threads that read and write TCP sockets, and do TLS, including the main thread: with 2 or more the main thread only runs commands; needs Linux and Node 22.12 or later, elsewhere it is 1',
  },
] as const satisfies readonly ConfigKey[]

const tls = [
  {
    name: 'tls-port',
    section: 'tls',
    kind: integer(0, 65535),
    default: '0',
    changes: 'kept',
    help: 'TCP port that speaks TLS; 0 for none',
  },
  { name: 'tls-cert-file', section: 'tls', kind: text, default: '', changes: 'kept', help: 'certificate or certificate chain, PEM' },
  { name: 'tls-key-file', section: 'tls', kind: text, default: '', changes: 'kept', help: 'private key of tls-cert-file, PEM' },
  {
    name: 'tls-ca-cert-file',
    section: 'tls',
    kind: text,
    default: '',
    changes: 'kept',
    help: 'trusted certificate authorities, PEM; clients, replicas and masters need a certificate that one of them signed',
  },
  {
    name: 'tls-cluster',
    section: 'tls',
    kind: flag,
    default: 'no',
    changes: 'any-time',
    help: 'MIGRATE connects by TLS, with tls-cert-file as certificate',
  },
  {
    name: 'tls-auth-clients',
    section: 'tls',
    kind: choice('no', 'yes', 'optional'),
    default: 'yes',
    changes: 'kept',
    help: 'whether clients must show a certificate',
  },
] as const satisfies readonly ConfigKey[]

const clients = [
  {
    name: 'maxclients',
    section: 'clients',
    kind: integer(1, MAX_UINT32),
    default: '10000',
    changes: 'any-time',
    help: 'maximum number of connections; lowered at the start to the number that the limit on open files (ulimit -n) allows',
  },
  {
    name: 'client-output-buffer-limit',
    section: 'clients',
    kind: bufferLimits,
    default: 'normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60',
    changes: 'any-time',
    help: 'close a client whose unread replies exceed the hard limit, or the soft limit for the given seconds; by class: normal, replica, pubsub',
  },
  {
    name: 'notify-keyspace-events',
    section: 'clients',
    kind: eventClasses,
    default: '',
    changes: 'any-time',
    help: 'keyspace events to publish: K and E select the two kinds of channels, other letters the classes of events; A is most classes, empty is none',
  },
  {
    name: 'tracking-table-max-keys',
    section: 'clients',
    kind: integer(0, MAX_INT64),
    default: '1000000',
    changes: 'any-time',
    help: 'keys remembered for client-side caching (CLIENT TRACKING); beyond this limit, keys are invalidated at their clients; 0 for 8 million',
  },
  {
    name: 'client-query-buffer-limit',
    section: 'clients',
    kind: memory(MEBIBYTE),
    default: '1gb',
    changes: 'any-time',
    aliases: [{ name: 'max-conn-rbuf-size', times: 1 }],
    help: 'close a client whose unprocessed requests exceed this size',
  },
  {
    name: 'proto-max-bulk-len',
    section: 'clients',
    kind: memory(MEBIBYTE),
    default: '512mb',
    changes: 'any-time',
    help: 'largest string in a request, and largest value that commands may build',
  },
  {
    name: 'proto-inline-max',
    section: 'clients',
    kind: memory(1024, 16 * MEBIBYTE),
    default: '64kb',
    changes: 'any-time',
    help: 'longest inline request line',
  },
  {
    name: 'enable-debug-command',
    section: 'clients',
    kind: choice('no', 'yes', 'local'),
    default: 'local',
    changes: 'at-start',
    help: 'clients that may use DEBUG: none, all, or those of this machine',
  },
] as const satisfies readonly ConfigKey[]

export const networkKeys = [...sockets, ...tls, ...clients] as const
