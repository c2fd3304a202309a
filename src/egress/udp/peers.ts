/** Flows of one port by whom they are to: the address, in the words of a datagram socket, and the port there. */

import type { Datagrams } from '../../../sandbox/index.ts';

export interface Peer {
  readonly words: readonly number[];
  readonly port: number;
}

/** Whether a datagram that has come is this peer's. */
export function isFrom(datagrams: Datagrams, i: number, { words, port }: Peer): boolean {
  return datagrams.port(i) === port && words.every((value, word) => datagrams.addressWord(i, word) === value);
}

export class PeerTable<T extends Peer> {
  readonly #byAddress = new Map<string, Map<number, T>>();

  add(flow: T): void {
    const key = flow.words.join();
    const atAddress = this.#byAddress.get(key) ?? new Map<number, T>();
    this.#byAddress.set(key, atAddress);
    atAddress.set(flow.port, flow);
  }

  remove(flow: T): void {
    const key = flow.words.join();
    const atAddress = this.#byAddress.get(key);
    if (atAddress?.get(flow.port) !== flow) return;
    atAddress.delete(flow.port);
    if (atAddress.size === 0) this.#byAddress.delete(key);
  }

  /** Just this peer's. */
  find({ words, port }: Peer): T | undefined {
    return this.#byAddress.get(words.join())?.get(port);
  }

  /** That of any port there. */
  findAddress(words: readonly number[]): T | undefined {
    return this.#byAddress.get(words.join())?.values().next().value;
  }

  clear(): void {
    this.#byAddress.clear();
  }
}
