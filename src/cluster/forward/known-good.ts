/** Pods and ports that have taken a connection lately, so that the next needs no grace. */

/** More than these are not remembered; the oldest give way. */
const MAX_REMEMBERED = 4096;

export class KnownGood {
  readonly #lifetimeMs: number;
  readonly #expiry = new Map<string, number>();

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  has(key: string, nowMs: number): boolean {
    const expires = this.#expiry.get(key);
    if (expires === undefined) return false;
    if (expires > nowMs) return true;
    this.#expiry.delete(key);
    return false;
  }

  add(key: string, nowMs: number): void {
    this.#expiry.delete(key);
    this.#expiry.set(key, nowMs + this.#lifetimeMs);
    if (this.#expiry.size > MAX_REMEMBERED) {
      const [oldest] = this.#expiry.keys();
      this.#expiry.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#expiry.delete(key);
  }
}
