/**
 * Whose the terminal is: login plugins ask there, one after the other, until the command has it.
 *
 * One that still asks when the command gets it is ended, since it would read
 * what is typed for the command.
 */
import { isatty } from 'node:tty';

const STDIN = 0;

export class Terminal {
  readonly #isThere: () => boolean;
  readonly #release = new AbortController();
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(isThere = () => isatty(STDIN)) {
    this.#isThere = isThere;
  }

  get released(): boolean {
    return this.#release.signal.aborted;
  }

  /**
   * Calls `use` when nobody else has the terminal.
   *
   * @param use is to end when the signal says so
   * @returns undefined where there is nobody to ask, or nobody any more
   */
  async lend<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const turn = this.#lastTurn.then(() => this.#lendNow(use));
    this.#lastTurn = turn.catch(() => {}); // its own caller is told
    return turn;
  }

  release(): void {
    this.#release.abort();
  }

  async #lendNow<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    if (this.released || !this.#isThere()) return undefined;
    try {
      return await use(this.#release.signal);
    } catch (error) {
      if (this.released) return undefined;
      throw error;
    }
  }
}
