/**
 * Datagram sockets of the host's network: UDP, and ping sockets (icmp(7)).
 *
 * One socket talks to any peer of its IP version, and tells of ICMP errors for
 * each of them. Its local port is the kernel's choice, at the first send.
 *
 * All sockets read into one arena, since each hands over what it has read before
 * the next one reads.
 */

import { constants } from 'node:os';
import { type Addon, type DatagramsHandle, loadNative } from './native/addon.ts';

export type DatagramKind = 'udp' | 'echo';

const KINDS: Readonly<Record<DatagramKind, number>> = { udp: 0, echo: 1 };

/** Datagrams that are read at once. */
const BATCH = 32;
/** The largest UDP payload is 65,507 bytes, over IPv6 65,527. */
const SLOT_BYTES = 65_536;
/** Batches, and errors, that a wake-up takes; then the event loop goes on to others. */
const MAX_BATCHES = 4;
const MAX_ERRORS = 64;

/** See sandbox/native/addon/datagram.c. */
const RECORD_WORDS = 10;
const [LENGTH, PORT, ADDRESS, ERRNO, ICMP_TYPE, ICMP_CODE, MTU] = [0, 1, 2, 6, 7, 8, 9];

/** What has come at once, valid until the call returns. */
export class Datagrams {
  readonly #arena: Uint8Array;
  readonly #records: Int32Array;
  count = 0;

  constructor(arena: Uint8Array, records: Int32Array) {
    this.#arena = arena;
    this.#records = records;
  }

  payload(i: number): Uint8Array {
    const start = i * SLOT_BYTES;
    return this.#arena.subarray(start, start + this.#records[i * RECORD_WORDS + LENGTH]);
  }

  port(i: number): number {
    return this.#records[i * RECORD_WORDS + PORT];
  }

  /** One of the four words of the address it comes from; that of IPv4 is the first. */
  addressWord(i: number, word: number): number {
    return this.#records[i * RECORD_WORDS + ADDRESS + word];
  }
}

export interface DatagramFailure {
  /** By the system's number. */
  readonly errno: number;
  /** Of the ICMP message; -1 where there was none. */
  readonly type: number;
  readonly code: number;
  /** Of the way, where a datagram was too big for it. */
  readonly mtu: number;
  /** The start of what was sent; of a ping, with its ICMP header. Valid until the call returns. */
  readonly sent: Uint8Array;
}

export interface DatagramEvents {
  onDatagrams(datagrams: Datagrams): void;
  /** A datagram to `peer` was not delivered; its words are as those of Datagrams. */
  onFailure(
    peer: { readonly words: readonly number[]; readonly port: number },
    failure: DatagramFailure,
  ): void;
}

let arena: Uint8Array | undefined;
const records = new Int32Array(BATCH * RECORD_WORDS);

export class DatagramSocket {
  readonly #api: Addon;
  readonly #handle: DatagramsHandle;
  readonly #events: DatagramEvents;
  readonly #arena: Uint8Array;
  readonly #datagrams: Datagrams;
  #closed = false;

  /** @throws as the system does: EMFILE, EAFNOSUPPORT, and EACCES of a ping socket (ping_group_range, icmp(7)) */
  constructor(api: Addon, version: 4 | 6, kind: DatagramKind, events: DatagramEvents) {
    arena ??= new Uint8Array(BATCH * SLOT_BYTES);
    this.#api = api;
    this.#events = events;
    this.#arena = arena;
    this.#datagrams = new Datagrams(arena, records);
    this.#handle = api.openDatagrams(version, KINDS[kind], () => this.#receive());
  }

  /** @param address of 4 or 16 bytes. @returns 0, or the errno; a full socket takes none (EAGAIN), as a full link */
  send(address: Uint8Array, port: number, payload: Uint8Array): number {
    return this.#closed
      ? constants.errno.EBADF
      : this.#api.sendDatagram(this.#handle, address, port, payload);
  }

  close(): void {
    this.#closed = true;
    this.#api.closeDatagrams(this.#handle);
  }

  #receive(): void {
    for (let i = 0; i < MAX_ERRORS && !this.#closed && this.#receiveError(); i++);
    for (let i = 0; i < MAX_BATCHES && !this.#closed; i++) {
      const count = this.#api.receiveDatagrams(this.#handle, this.#arena, SLOT_BYTES, records);
      if (count === 0) return;
      this.#datagrams.count = count;
      this.#events.onDatagrams(this.#datagrams);
      if (count < BATCH) return;
    }
  }

  #receiveError(): boolean {
    const slot = this.#arena.subarray(0, SLOT_BYTES);
    if (!this.#api.receiveError(this.#handle, slot, records)) return false;
    this.#events.onFailure(
      { words: [...records.subarray(ADDRESS, ERRNO)], port: records[PORT] },
      {
        errno: records[ERRNO],
        type: records[ICMP_TYPE],
        code: records[ICMP_CODE],
        mtu: records[MTU],
        sent: slot.subarray(0, records[LENGTH]),
      },
    );
    return true;
  }
}

/** Opens sockets at once; what it needs of the system is loaded before. */
export type OpenDatagramSocket = (
  version: 4 | 6,
  kind: DatagramKind,
  events: DatagramEvents,
) => DatagramSocket;

export async function openDatagramSockets(): Promise<OpenDatagramSocket> {
  const { api } = await loadNative();
  return (version, kind, events) => new DatagramSocket(api, version, kind, events);
}
