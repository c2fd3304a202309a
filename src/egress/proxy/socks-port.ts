/**
 * A UDP port at a SOCKS5 proxy (UDP ASSOCIATE, RFC 1928 section 7).
 *
 * The association lives as long as the connection by which it was asked for. The
 * first datagrams wait for it, a few at most. When the proxy ends it, the next
 * datagram asks for another one; where there is none to be had, its sender is
 * told that there is no way, and is told so for a while without another try.
 */

import type { Socket } from 'node:net';
import type {
  DatagramFailure,
  Datagrams,
  DatagramSocket,
  OpenDatagramSocket,
} from '../../../sandbox/index.ts';
import type { UnreachableReason } from '../../../stack/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import type { Log } from '../../observe/log.ts';
import { RemoteStreamError } from '../../relay/stream.ts';
import { addressBytes, addressWords, versionOf } from '../address-bytes.ts';
import type { DatagramFlow, DatagramFlowEvents, DatagramPort, EgressDestination } from '../dialer.ts';
import { isFrom, type Peer, PeerTable } from '../udp/peers.ts';
import { reasonOfIcmp } from '../unreachable.ts';
import { converse } from './handshake.ts';
import {
  type BoundAddress,
  encodeDestination,
  requestBySocks,
  UDP_ASSOCIATE,
  unwrapDatagram,
  wrapDatagram,
} from './socks.ts';
import type { ProxyEndpoint } from './url.ts';

/** Datagrams that wait for an association; more are dropped. */
const MAX_WAITING = 32;
/** After a failure, how long the next try is put off. */
const RETRY_AFTER_MS = 5_000;
/** RFC 1928, 4: who does not know yet where it will send from says so by zeros. */
const ANYWHERE: EgressDestination = { address: '0.0.0.0', port: 0 };

interface Association {
  readonly control: Socket;
  readonly socket: DatagramSocket;
  readonly relay: Peer & { readonly address: Uint8Array };
}

export class SocksPort implements DatagramPort {
  readonly #proxy: ProxyEndpoint;
  readonly #open: OpenDatagramSocket;
  readonly #log: Log;
  readonly #flows = new PeerTable<SocksFlow>();
  readonly #waiting: { readonly flow: SocksFlow; readonly message: Uint8Array }[] = [];
  readonly #closed = new AbortController();
  #association: Association | undefined;
  #associating = false;
  #failure: { readonly reason: UnreachableReason; readonly until: number } | undefined;

  constructor(proxy: ProxyEndpoint, open: OpenDatagramSocket, log: Log) {
    this.#proxy = proxy;
    this.#open = open;
    this.#log = log;
  }

  /** By its address: an answer has that, and could not be told from others by a name. */
  flow({ address, port }: EgressDestination, events: DatagramFlowEvents): DatagramFlow {
    const flow: SocksFlow = {
      events,
      words: addressWords(addressBytes(address)),
      port,
      send: (payload) => this.#send(flow, wrapDatagram(encodeDestination({ address, port }), payload)),
      close: () => this.#flows.remove(flow),
    };
    this.#flows.add(flow);
    return flow;
  }

  close(): void {
    this.#closed.abort();
    this.#flows.clear();
    this.#waiting.length = 0;
    this.#end();
  }

  #send(flow: SocksFlow, message: Uint8Array): void {
    const association = this.#association;
    if (association !== undefined) {
      association.socket.send(association.relay.address, association.relay.port, message);
      return;
    }
    if (this.#failure !== undefined && monotonicMs() < this.#failure.until) {
      flow.events.onUnreachable(this.#failure.reason);
      return;
    }
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ flow, message });
    if (!this.#associating) void this.#associate();
  }

  async #associate(): Promise<void> {
    this.#associating = true;
    try {
      const { socket: control, outcome } = await converse(
        this.#proxy,
        this.#closed.signal,
        async (conversation, socket) => ({
          bound: await requestBySocks(conversation, this.#proxy, UDP_ASSOCIATE, ANYWHERE),
          proxyAddress: socket.remoteAddress ?? '',
        }),
      );
      this.#associated(control, outcome.bound, outcome.proxyAddress);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#associating = false;
    }
  }

  #associated(control: Socket, bound: BoundAddress, proxyAddress: string): void {
    if (this.#closed.signal.aborted) {
      control.destroy();
      return;
    }
    let socket: DatagramSocket;
    let relay: Association['relay'];
    try {
      const address = relayAddress(bound, proxyAddress);
      relay = { address, words: addressWords(address), port: bound.port };
      socket = this.#open(versionOf(address), 'udp', {
        onDatagrams: (datagrams) => this.#received(datagrams),
        onFailure: (peer, failure) => this.#undelivered(peer, failure),
      });
    } catch (error) {
      control.destroy();
      throw error;
    }
    this.#association = { control, socket, relay };
    this.#failure = undefined;
    control
      .on('error', () => {})
      .once('close', () => {
        if (this.#association?.control === control) this.#end();
      })
      .once('end', () => control.destroy())
      .resume();
    for (const { flow, message } of this.#waiting.splice(0))
      if (this.#flows.find(flow) === flow) this.#send(flow, message);
  }

  #failed(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    this.#end();
    const reason = error instanceof RemoteStreamError ? error.unreachable : 'net';
    this.#failure = { reason, until: monotonicMs() + RETRY_AFTER_MS };
    this.#log.info(
      `UDP by the proxy ${this.#proxy.label}: ${error instanceof Error ? error.message : String(error)}`,
    );
    for (const { flow } of this.#waiting.splice(0)) flow.events.onUnreachable(reason);
  }

  #received(datagrams: Datagrams): void {
    const relay = this.#association?.relay;
    if (relay === undefined) return;
    for (let i = 0; i < datagrams.count; i++) {
      const answer = isFrom(datagrams, i, relay) ? unwrapDatagram(datagrams.payload(i)) : undefined;
      if (answer === undefined) continue;
      const words = addressWords(answer.address);
      // From any port of who was sent to, as on the direct way (../udp/host-port.ts).
      const flow = this.#flows.find({ words, port: answer.port }) ?? this.#flows.findAddress(words);
      flow?.events.onDatagrams([answer.payload], answer.port);
    }
  }

  /** A datagram that is too large, say, was lost alone; a relay that can't be reached is none any more. */
  #undelivered(peer: Peer, { type, code, errno }: DatagramFailure): void {
    const relay = this.#association?.relay;
    if (relay === undefined || peer.port !== relay.port || peer.words.join() !== relay.words.join()) return;
    if (reasonOfIcmp(versionOf(relay.address), type, code, errno) !== undefined) this.#end();
  }

  #end(): void {
    const association = this.#association;
    this.#association = undefined;
    association?.socket.close();
    association?.control.destroy();
  }
}

interface SocksFlow extends DatagramFlow, Peer {
  readonly events: DatagramFlowEvents;
}

/** Many proxies say zeros, some a name of their own: both are the address that they were reached by. */
function relayAddress({ address }: BoundAddress, proxyAddress: string): Uint8Array {
  return address?.some((byte) => byte !== 0) === true ? address : addressBytes(proxyAddress);
}
