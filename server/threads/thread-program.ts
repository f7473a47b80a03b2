/** The program of a socket thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { must, rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import { Listener } from '../network/listener.ts'
import { Channel } from './channel.ts'
import type { ThreadData, ThreadMessage } from './messages.ts'
import { ThreadSockets } from './thread-sockets.ts'

const { memory, sentCounts, settings, tlsSettings }: ThreadData = workerData
const port = must(parentPort)
const tell = (message: ThreadMessage) => port.postMessage(message)
const channel = new Channel({
  inbox: memory.toThread,
  outbox: memory.toMain,
  // What was read in one iteration of the event loop wakes the main thread once.
  afterBatch: (call) => setImmediate(call),
  onFrame: (frame) => sockets.obey(frame),
  onRoom: () => sockets.readAgain(),
})
const sockets = new ThreadSockets(channel, sentCounts)
const listener = new Listener(sockets, {
  warn: (fields, text) => tell({ what: 'log', level: 'warn', fields, text }),
  info: (fields, text) => tell({ what: 'log', level: 'info', fields, text }),
})
port.on('message', () => listener.close()) // it can only be STOP_LISTENING
channel.start()
try {
  await listener.listen(settings, tlsSettings)
  tell({ what: 'listening' })
} catch (error) {
  rethrowAssertion(error)
  tell({ what: 'failed', error: errorText(error) })
}
