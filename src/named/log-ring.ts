/** The last lines that a sandbox's host has said, for who asks later, and for who listens on. */

/** Lines kept; and the longest, in characters. */
const MAX_LINES = 2_000;
const MAX_LINE_LENGTH = 2_000;

export interface LoggedLine {
  /** ISO 8601. */
  readonly time: string;
  readonly text: string;
}

export class LogRing {
  readonly #lines: LoggedLine[] = [];
  readonly #listeners = new Set<(line: LoggedLine) => void>();

  add(text: string): void {
    const line = { time: new Date().toISOString(), text: text.slice(0, MAX_LINE_LENGTH) };
    if (this.#lines.push(line) > MAX_LINES) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }

  get lines(): readonly LoggedLine[] {
    return this.#lines;
  }

  /** @returns what ends it */
  listen(listener: (line: LoggedLine) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
