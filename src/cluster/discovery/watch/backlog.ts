/**
 * Long first lists, which are read later.
 *
 * A list of thousands has come long before all of its objects have been looked
 * at. Whoever does not need them at once can do something else first: the
 * command is started.
 */
import { Pace } from '../../pace.ts';

export class Backlog {
  readonly #counts = new Map<string, number>();
  #work: (() => void)[] = [];
  #isClosed = false;

  /** All that was put off has been done, and nothing is put off any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @param count objects of that resource */
  putOff(resource: string, count: number, work: () => void): void {
    this.#counts.set(resource, this.count(resource) + count);
    this.#work.push(work);
  }

  /** How many objects of a resource are unread. */
  count(resource: string): number {
    return this.#counts.get(resource) ?? 0;
  }

  /** Does it all. @throws SyntaxError where an object is none */
  async read(): Promise<void> {
    const pace = new Pace('at once');
    // What has been read is let go.
    for (let work = this.#work.shift(); work !== undefined; work = this.#work.shift()) {
      work();
      await pace.keep();
    }
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#work = [];
    this.#counts.clear();
  }
}
