/**
 * A UDP port of the host that stands for one of the sandbox's.
 *
 *     sandbox 10.0.1.2:5000 ──▶ host :41234 ──▶ 192.0.2.1:53
 *                                          ──▶ 192.0.2.9:3478
 *
 * One socket serves all peers of an IP version, so that the outside sees one
 * port whoever is talked to (endpoint-independent mapping, RFC 4787 REQ-1):
 * peer-to-peer programs, which tell others the port that a third one saw, work.
 * What comes in is passed on from addresses that were sent to, at any of their
 * ports (address-dependent filtering, REQ-8): TFTP answers from another port.
 * Anything else is dropped.
 *
 * ICMP errors reach the flow that they are about, by the socket's error queue.
 */

import { constants } from 'node:os';
import type {
  DatagramFailure,
  Datagrams,
  DatagramSocket,
  OpenDatagramSocket,
} from '../../../sandbox/index.ts';
import { addressBytes, addressWords, type IpVersion, versionOf } from '../address-bytes.ts';
import type { DatagramFlow, DatagramFlowEvents, DatagramPort, EgressDestination } from '../dialer.ts';
import { codeOf } from '../../system-error.ts';
import { reasonOfCode, reasonOfErrno, reasonOfIcmp } from '../unreachable.ts';
import { isFrom, type Peer, PeerTable } from './peers.ts';

export class HostPort implements DatagramPort {
  readonly #open: OpenDatagramSocket;
  readonly #sockets = new Map<IpVersion, DatagramSocket>();
  readonly #flows = new PeerTable<HostFlow>();

  constructor(open: OpenDatagramSocket) {
    this.#open = open;
  }

  flow({ address, port }: EgressDestination, events: DatagramFlowEvents): DatagramFlow {
    const bytes = addressBytes(address);
    const flow = new HostFlow(bytes, port, events, {
      socket: () => this.#socket(versionOf(bytes)),
      closed: (closed) => this.#flows.remove(closed),
    });
    this.#flows.add(flow);
    return flow;
  }

  close(): void {
    this.#flows.clear();
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  /** @throws as the system does */
  #socket(version: IpVersion): DatagramSocket {
    const known = this.#sockets.get(version);
    if (known !== undefined) return known;
    const socket = this.#open(version, 'udp', {
      onDatagrams: (datagrams) => this.#received(datagrams),
      onFailure: (peer, failure) => this.#flows.find(peer)?.failed(failure),
    });
    this.#sockets.set(version, socket);
    return socket;
  }

  /** Runs of datagrams of one peer are passed on together. */
  #received(datagrams: Datagrams): void {
    for (let first = 0, next = 0; first < datagrams.count; first = next) {
      const words = [0, 1, 2, 3].map((word) => datagrams.addressWord(first, word));
      const peer = { words, port: datagrams.port(first) };
      const payloads: Uint8Array[] = [];
      for (next = first; next < datagrams.count && isFrom(datagrams, next, peer); next++)
        payloads.push(datagrams.payload(next));
      const flow = this.#flows.find(peer) ?? this.#flows.findAddress(words);
      flow?.events.onDatagrams(payloads, peer.port);
    }
  }
}

/** What a flow needs of the port that it belongs to. */
interface Owner {
  socket(): DatagramSocket;
  closed(flow: HostFlow): void;
}

class HostFlow implements DatagramFlow, Peer {
  readonly events: DatagramFlowEvents;
  readonly words: readonly number[];
  readonly port: number;
  readonly #address: Uint8Array;
  readonly #owner: Owner;

  constructor(address: Uint8Array, port: number, events: DatagramFlowEvents, owner: Owner) {
    this.events = events;
    this.words = addressWords(address);
    this.port = port;
    this.#address = address;
    this.#owner = owner;
  }

  send(payload: Uint8Array): void {
    let errno: number;
    try {
      errno = this.#owner.socket().send(this.#address, this.port, payload);
    } catch (error) {
      // No socket of that version, or none at all any more: the datagram is lost, and is told to be.
      this.events.onUnreachable(reasonOfCode(codeOf(error)) ?? 'host');
      return;
    }
    // A full buffer (EAGAIN, ENOBUFS) drops it, as a full link does.
    const reason = errno === 0 ? undefined : reasonOfErrno(errno);
    if (reason !== undefined) this.events.onUnreachable(reason);
  }

  close(): void {
    this.#owner.closed(this);
  }

  failed({ errno, type, code, mtu }: DatagramFailure): void {
    const reason = reasonOfIcmp(versionOf(this.#address), type, code, errno);
    if (reason !== undefined) this.events.onUnreachable(reason);
    else if (errno === constants.errno.EMSGSIZE && mtu > 0) this.events.onTooBig(mtu);
  }
}
