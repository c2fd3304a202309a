/**
 * Datagrams of the sandbox to the outside, and their answers.
 *
 *     source port of the sandbox ── DatagramPort of a dialer ── a flow for each peer
 *
 * Where a flow may go is asked when its first datagram comes, and holds as long
 * as it lives: the cost of a decision is one of a flow, not of a datagram. A
 * flow ends when nothing was sent or received for a while (RFC 4787, REQ-5 and
 * REQ-6), or when there are too many. A port ends with the last of its flows.
 *
 * What ICMP says of a flow's datagrams is told to the sandbox as an answer to the
 * last one of them.
 */

import type { Stack, UdpDatagram } from '../../../stack/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import type { DatagramFlow, DatagramFlowEvents, DatagramPort, Dialer, EgressDestination } from '../dialer.ts';
import type { FlowMeter } from '../meter.ts';
import { codeOf } from '../../system-error.ts';
import { reasonOfCode } from '../unreachable.ts';
import { RecentTable, type Used } from './recent.ts';

/** Flows at once, and source ports, each of which holds a socket; past it those that were not used again go first. */
const MAX_FLOWS = 4096;
const MAX_PORTS = 1024;
/** RFC 4787 REQ-5: not less than two minutes. */
const IDLE_TIMEOUT_MS = 120_000;
/** Questions to a DNS server are answered at once, each from another port (REQ-5 c allows it). */
const DNS_PORT = 53;
const DNS_IDLE_TIMEOUT_MS = 20_000;
const SWEEP_INTERVAL_MS = 5_000;
/** How long a refusal holds: a datagram that is sent again and again is one flow that was denied. */
const DENIAL_TIMEOUT_MS = 5_000;

/** How a flow goes on. */
export interface DatagramRoute {
  readonly dialer: Dialer;
  readonly destination: EgressDestination;
  readonly meter?: FlowMeter;
}

export interface DatagramRelayOptions {
  readonly stack: Pick<Stack, 'sendUdpAll'>;
  /** Asked once a flow; undefined is answered as prohibited. */
  readonly route: (datagram: UdpDatagram) => DatagramRoute | undefined;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

export class DatagramRelay {
  readonly #stack: DatagramRelayOptions['stack'];
  readonly #route: DatagramRelayOptions['route'];
  readonly #now: () => number;
  readonly #flows = new RecentTable<string, RelayedFlow>(MAX_FLOWS, (flow) => this.#end(flow));
  readonly #sources = new RecentTable<string, Source>(MAX_PORTS, (source) => this.#drop(source));
  /** What was denied, until it is asked for again. */
  readonly #denied = new RecentTable<string, Denied>(MAX_FLOWS, () => {});
  /** The flow of the datagram before: the next one is mostly of the same, and then nothing is looked up. */
  #last: RelayedFlow | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor({ stack, route, now = monotonicMs }: DatagramRelayOptions) {
    this.#stack = stack;
    this.#route = route;
    this.#now = now;
  }

  /** Flows that are open. */
  get size(): number {
    return this.#flows.size;
  }

  /** A datagram to the outside. */
  forward(datagram: UdpDatagram): void {
    const last = this.#last;
    if (last?.isOf(datagram)) {
      last.send(datagram, this.#now());
      return;
    }
    const sourceKey = `${datagram.remoteAddress} ${datagram.remotePort}`;
    const key = `${sourceKey} ${datagram.localAddress} ${datagram.localPort}`;
    const flow = this.#flows.get(key) ?? this.#open(datagram, sourceKey, key);
    if (flow === undefined) {
      datagram.unreachable('admin-prohibited');
      return;
    }
    this.#last = flow;
    flow.send(datagram, this.#now());
  }

  close(): void {
    clearTimeout(this.#sweep);
    this.#sweep = undefined;
    this.#last = undefined;
    for (const source of this.#sources.values()) this.#drop(source);
  }

  #open(datagram: UdpDatagram, sourceKey: string, key: string): RelayedFlow | undefined {
    if (this.#isDenied(key)) return undefined;
    const route = this.#route(datagram);
    if (route?.dialer.openPort === undefined) {
      route?.meter?.ended();
      this.#denied.add(key, { used: false, until: this.#now() + DENIAL_TIMEOUT_MS });
      return undefined;
    }
    let source = this.#sources.get(sourceKey);
    if (source === undefined) {
      source = new Source(sourceKey);
      this.#sources.add(sourceKey, source);
    } else source.used = true;
    const flow = new RelayedFlow(key, source, route, this.#stack, this.#now);
    source.flows.add(flow);
    this.#flows.add(key, flow);
    this.#sweepLater();
    return flow;
  }

  #isDenied(key: string): boolean {
    const denied = this.#denied.get(key);
    if (denied === undefined) return false;
    if (this.#now() < denied.until) return true;
    this.#denied.delete(key);
    return false;
  }

  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      const now = this.#now();
      for (const flow of this.#flows.values()) if (flow.isIdle(now)) this.#end(flow);
      if (this.#flows.size > 0) this.#sweepLater();
    }, SWEEP_INTERVAL_MS);
  }

  #end(flow: RelayedFlow): void {
    this.#flows.delete(flow.key);
    flow.close();
    if (flow.source.flows.size === 0) this.#drop(flow.source);
  }

  #drop(source: Source): void {
    this.#sources.delete(source.key);
    for (const flow of source.flows) {
      this.#flows.delete(flow.key);
      flow.close();
    }
    source.close();
  }
}

interface Denied extends Used {
  readonly until: number;
}

/** A source port of the sandbox, with a port of each dialer that its flows take. */
class Source implements Used {
  used = false;
  readonly key: string;
  readonly flows = new Set<RelayedFlow>();
  readonly #ports = new Map<Dialer, DatagramPort>();

  constructor(key: string) {
    this.key = key;
  }

  portOf(dialer: Dialer): DatagramPort | undefined {
    const known = this.#ports.get(dialer);
    if (known !== undefined) return known;
    const port = dialer.openPort?.();
    if (port !== undefined) this.#ports.set(dialer, port);
    return port;
  }

  close(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
  }
}

class RelayedFlow implements DatagramFlowEvents, Used {
  used = false;
  readonly key: string;
  readonly source: Source;
  readonly #stack: DatagramRelayOptions['stack'];
  readonly #meter: FlowMeter | undefined;
  readonly #idleTimeoutMs: number;
  readonly #now: () => number;
  readonly #route: DatagramRoute;
  #flow: DatagramFlow | undefined;
  /** What is answered. Set by the first `send`, before anything can come. */
  #latest: UdpDatagram | undefined;
  #usedAt: number | undefined;
  #answered = false;
  #closed = false;

  constructor(
    key: string,
    source: Source,
    route: DatagramRoute,
    stack: DatagramRelayOptions['stack'],
    now: () => number,
  ) {
    this.key = key;
    this.source = source;
    this.#stack = stack;
    this.#route = route;
    this.#meter = route.meter;
    this.#now = now;
    this.#idleTimeoutMs = route.destination.port === DNS_PORT ? DNS_IDLE_TIMEOUT_MS : IDLE_TIMEOUT_MS;
  }

  send(datagram: UdpDatagram, now: number): void {
    if (this.#latest !== undefined) this.#usedAgain();
    this.#latest = datagram;
    this.#usedAt = now;
    this.#meter?.sent(datagram.payload.length);
    try {
      this.#flow ??= this.source.portOf(this.#route.dialer)?.flow(this.#route.destination, this);
      this.#flow?.send(datagram.payload);
    } catch (error) {
      // A dialer of somebody else's may throw: the datagram is lost, and is told to be.
      this.onUnreachable(reasonOfCode(codeOf(error)) ?? 'host');
    }
  }

  isOf(datagram: UdpDatagram): boolean {
    return !this.#closed && this.#latest !== undefined && this.#latest.isOfFlowOf(datagram);
  }

  isIdle(now: number): boolean {
    return now - (this.#usedAt ?? now) >= this.#idleTimeoutMs;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.source.flows.delete(this);
    this.#flow?.close();
    this.#meter?.ended();
  }

  onDatagrams(payloads: readonly Uint8Array[], port: number): void {
    const latest = this.#latest;
    if (latest === undefined || this.#closed) return;
    if (this.#answered) this.#usedAgain();
    this.#answered = true;
    this.#usedAt = this.#now();
    for (const { length } of payloads) this.#meter?.received(length);
    if (port === latest.localPort) {
      latest.replyAll(payloads);
      return;
    }
    this.#stack.sendUdpAll(
      { address: latest.localAddress, port },
      { address: latest.remoteAddress, port: latest.remotePort },
      payloads,
    );
  }

  onUnreachable(reason: Parameters<DatagramFlowEvents['onUnreachable']>[0]): void {
    this.#latest?.unreachable(reason);
  }

  onTooBig(mtu: number): void {
    this.#latest?.tooBig(mtu);
  }

  /** A datagram and its answer are no sign of more to come: many are a question to a DNS server. */
  #usedAgain(): void {
    this.used = this.source.used = true;
  }
}
