/**
 * Which ports of a network are open: what listens by TCP, and what is bound by
 * UDP and talks to nobody in particular.
 *
 * Asked of the kernel (sandbox/native/addon/ports.c), which tells nobody of its
 * own accord when a socket begins to listen: who wants to know of new ones asks
 * again. That takes some 20 µs, and of a namespace with a thousand ports a
 * millisecond.
 */

import { closeSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { type Addon, loadNative } from './native/addon.ts';

export type PortProtocol = 'tcp' | 'udp';

export interface OpenPort {
  /** In the spelling of RFC 5952; `0.0.0.0` and `::` are all addresses. */
  readonly address: string;
  readonly port: number;
  /** A server of this process has it. */
  readonly ours: boolean;
}

const NUMBERS: Readonly<Record<PortProtocol, number>> = { tcp: 6, udp: 17 };

/** See sandbox/native/addon/ports.c. */
const RECORD_WORDS = 6;
const [INODE, PORT, ADDRESS] = [0, 1, 2];
const ADDRESS_WORDS = 4;

/** Of each protocol and IP version; of more, the ones past it are not seen. */
const MAX_PORTS = 4096;

export class OpenPorts {
  readonly #api: Addon;
  readonly #diag: number;
  readonly #records = new Int32Array(MAX_PORTS * RECORD_WORDS);
  readonly #isOurs: (inode: number) => boolean;
  #closed = false;

  /** @param diag a netlink socket of the network, this object's from now on */
  constructor(api: Addon, diag: number, isOurs: (inode: number) => boolean) {
    this.#api = api;
    this.#diag = diag;
    this.#isOurs = isOurs;
  }

  /** @throws as the system does: ENOENT where the kernel is without sock_diag, EACCES where a policy forbids it */
  read(protocol: PortProtocol): OpenPort[] {
    if (this.#closed) return [];
    return [...this.#readVersion(4, protocol), ...this.#readVersion(6, protocol)];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#diag);
  }

  #readVersion(version: 4 | 6, protocol: PortProtocol): OpenPort[] {
    const records = this.#records;
    const count = this.#api.readPorts(this.#diag, version, NUMBERS[protocol], records);
    return Array.from({ length: Math.min(count, MAX_PORTS) }, (_, i) => {
      const start = i * RECORD_WORDS;
      return {
        address: addressText(version, records.subarray(start + ADDRESS, start + ADDRESS + ADDRESS_WORDS)),
        port: records[start + PORT],
        ours: this.#isOurs(records[start + INODE] >>> 0),
      };
    });
  }
}

/** An IPv4 address in IPv6's form, as Java binds, is the IPv4 one (RFC 4291, 2.5.5.2). */
function addressText(version: 4 | 6, words: Int32Array): string {
  const isMapped = version === 6 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  const used = isMapped ? words.subarray(3) : version === 4 ? words.subarray(0, 1) : words;
  const bytes = [...used].flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff));
  return ipaddr.fromByteArray(bytes).toString();
}

/** Those of the host's own network; whether they are ours is not known of them. @throws as `read` does */
export async function hostPorts(): Promise<OpenPorts> {
  const { api } = await loadNative();
  return new OpenPorts(api, api.openDiag(), () => false);
}
