/** A reference to something that is built later. */
import { assert, must } from '../../base/assert.ts'

/**
 * Names what is built later. Parts are built in the order of their dependencies, and a part that
 * calls against that order does so through a forward reference. It may call only once everything
 * is built.
 */
export class Forward<T extends object> {
  private built: T | null = null

  get isResolved(): boolean {
    return this.built !== null
  }

  /** REQUIRES: resolved. */
  get value(): T {
    return must(this.built, 'a part is used before it is built')
  }

  /** REQUIRES: called once. */
  resolve(built: T): void {
    assert(this.built === null, 'a forward reference is resolved once')
    this.built = built
  }
}
