/**
 * Sockets of the sandbox's network, made ahead.
 *
 * kns-netns makes them, and this process connects them: a socket stays in the
 * network that it was made in (network_namespaces(7)). They are asked for by
 * the batch, before the last ones are used up, so that a connection seldom
 * waits for the exchange.
 */

import { closeSync } from 'node:fs';
import { HelperGone, type NetnsHelper } from '../helper.ts';

export type SocketKind = 'tcp4' | 'tcp6' | 'udp4' | 'udp6' | 'diag';

/** As many as an answer holds (sandbox/native/netns/netns.h). */
const BATCH = 32;
/** With so few left, a further batch is asked for. */
const FEW = 8;
/** Some microseconds of system calls; a helper that needs this long is stuck. */
const REQUEST_TIMEOUT_MS = 5_000;

interface Stock {
  readonly fds: number[];
  /** A batch that is on its way. */
  coming: Promise<void> | undefined;
}

export class InsideSockets {
  readonly #helper: NetnsHelper;
  readonly #stocks = new Map<SocketKind, Stock>();
  #closed = false;

  constructor(helper: NetnsHelper) {
    this.#helper = helper;
  }

  /** The fd of a new one, the caller's from now on. @throws HelperRefused, HelperGone */
  async take(kind: SocketKind): Promise<number> {
    const stock = this.#stocks.get(kind) ?? { fds: [], coming: undefined };
    this.#stocks.set(kind, stock);
    for (;;) {
      if (this.#closed) throw new HelperGone('the sandbox is closed');
      const fd = stock.fds.shift();
      if (fd === undefined) await this.#refill(kind, stock);
      else {
        // One that fails is tried again, and told of, when there are none.
        if (stock.fds.length < FEW) this.#refill(kind, stock).catch(() => {});
        return fd;
      }
    }
  }

  /** A single one, of which no more will be wanted. @throws HelperRefused, HelperGone */
  async make(kind: SocketKind): Promise<number> {
    return (await this.#request(kind, 1))[0];
  }

  close(): void {
    this.#closed = true;
    for (const { fds } of this.#stocks.values()) for (const fd of fds.splice(0)) closeSync(fd);
  }

  #refill(kind: SocketKind, stock: Stock): Promise<void> {
    stock.coming ??= this.#request(kind, BATCH)
      .then((fds) => {
        if (this.#closed) for (const fd of fds) closeSync(fd);
        else stock.fds.push(...fds);
        return undefined;
      })
      .finally(() => {
        stock.coming = undefined;
      });
    return stock.coming;
  }

  async #request(kind: SocketKind, count: number): Promise<number[]> {
    const { fd, more } = await this.#helper.request(
      `socket ${kind} ${count}`,
      AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    );
    return [fd, ...more];
  }
}

/** The fd is Node's from `adopt` on, unless that throws. */
export function orClose<T>(fd: number, adopt: () => T): T {
  try {
    return adopt();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
