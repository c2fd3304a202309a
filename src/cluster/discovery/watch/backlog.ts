/**
 * Long first lists, which are read later.
 *
 * A list of thousands has come long before all of its objects have been looked
 * at. Whoever does not need them at once can do something else first: the
 * command is started.
 */
import { Pace } from '../../pace.ts';
import type { ResourceQuery } from './query.ts';

interface Unread {
  readonly query: ResourceQuery;
  /** Objects. */
  readonly count: number;
  readonly read: () => void;
}

export class Backlog {
  readonly #explained: (error: unknown, query: ResourceQuery) => unknown;
  #unread: Unread[] = [];
  #isClosed = false;

  /** @param explained a failure of reading as what the user is told */
  constructor(explained: (error: unknown, query: ResourceQuery) => unknown) {
    this.#explained = explained;
  }

  /** All has been read, and nothing is put off any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  putOff(unread: Unread): void {
    this.#unread.push(unread);
  }

  /** How many objects of a resource are unread. */
  count(resource: string): number {
    return this.#unread.reduce((sum, one) => sum + (one.query.resource === resource ? one.count : 0), 0);
  }

  /** Reads it all. @throws ClusterError where it can't be read */
  async read(): Promise<void> {
    const pace = new Pace('at once');
    for (let one = this.#unread.shift(); one !== undefined; one = this.#unread.shift()) {
      try {
        one.read();
      } catch (error) {
        throw this.#explained(error, one.query);
      }
      await pace.keep();
    }
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#unread = [];
  }
}
