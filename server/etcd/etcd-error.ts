/** The failures of requests to etcd. */

/** A request to etcd that has failed. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError'
  /**
   * `unreachable`: no endpoint has answered in time, and the request may or may not have been
   * executed. `unsent`: as before, and etcd cannot have executed it. `refused`: etcd has answered
   * with an error.
   */
  readonly kind: 'unreachable' | 'unsent' | 'refused'

  constructor(kind: EtcdError['kind'], text: string) {
    super(text)
    this.kind = kind
  }
}
