/**
 * To a program in the sandbox that has this port, whatever address it is bound
 * to: a development server is often on 127.0.0.1 alone, and some are on ::1.
 *
 * The connection is made in the sandbox's own network. Through the stack, only
 * programs that listen on the interface could be met; and a client's address
 * could be kept for those alone that do not come from the host's loopback,
 * which nearly all do. The program sees a client on an address of the sandbox;
 * who it really is tells a PROXY header.
 */

import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { OpenPorts, Sandbox } from '../../../sandbox/index.ts';
import { LOOPBACK } from '../addresses.ts';
import { boundAddresses } from '../udp/bound-addresses.ts';
import { codeOf } from '../../system-error.ts';

export type InsideNetwork = Pick<Sandbox, 'connectInside' | 'datagramsInside' | 'portsInside'>;

/** Nobody listens at that address, or the sandbox has no such address. The kernel tells at once. */
const NOT_THERE = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT']);

export class InsideDial {
  readonly #sandbox: InsideNetwork;
  readonly #addresses: readonly string[];
  readonly #port: number;
  /** Where the last connection was taken. */
  #last: string | undefined;

  /** @param own the sandbox's own addresses, beside its loopback */
  constructor(sandbox: InsideNetwork, own: readonly string[], port: number) {
    this.#sandbox = sandbox;
    this.#addresses = [...LOOPBACK, ...own];
    this.#port = port;
  }

  /** @throws what connect(2) says */
  async stream(signal: AbortSignal): Promise<Socket> {
    const port = this.#port;
    for (const address of this.#inOrder()) {
      try {
        const socket = await this.#sandbox.connectInside({ address, port }, { signal });
        this.#last = address;
        return socket;
      } catch (error) {
        if (!NOT_THERE.has(codeOf(error))) throw error;
      }
    }
    throw new Error(`nobody listens on port ${port} in the sandbox`);
  }

  /** UDP refuses nobody: who is bound is looked up. Where nobody is, a program may be soon. */
  async datagrams(ports: OpenPorts | undefined): Promise<DatagramSocket> {
    const [address = LOOPBACK[0]] = boundAddresses(ports, this.#port);
    return this.#sandbox.datagramsInside({ address, port: this.#port });
  }

  #inOrder(): readonly string[] {
    const last = this.#last;
    if (last === undefined) return this.#addresses;
    return [last, ...this.#addresses.filter((address) => address !== last)];
  }
}
