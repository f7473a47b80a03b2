/** The failures of an import or export that a person can do something about. */

/** Wrong words, or a source that cannot be read. Nothing has been changed. */
const USAGE_STATUS = 2
/** The data was not accepted. */
const REFUSED_STATUS = 1

/** An import or export that cannot be done, with a line of text and the exit status. */
export class ExchangeRefusal extends Error {
  override readonly name = 'ExchangeRefusal'
  readonly exitStatus: number

  private constructor(text: string, exitStatus: number) {
    super(text)
    this.exitStatus = exitStatus
  }

  static ofUsage(text: string): ExchangeRefusal {
    return new ExchangeRefusal(text, USAGE_STATUS)
  }

  static ofData(text: string): ExchangeRefusal {
    return new ExchangeRefusal(text, REFUSED_STATUS)
  }
}
