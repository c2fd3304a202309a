/**
 * The interface of the stack: packets and time in, packets and events out.
 *
 * The stack is a transparent forwarder. It stands behind a link whose other side
 * is a kernel with its default route to us, and answers for every address; the
 * application decides for each flow what becomes of it.
 *
 * The driver's part:
 *
 * 1. `receive` for each frame, then one `poll` for the batch. Connections' events
 *    are told from `poll` alone; requests, datagrams and pings from `receive`.
 * 2. `poll` again at `pollAt()`, and when `onWake` is called: some call of the
 *    application has left something to send.
 * 3. `deviceWritable` when the device, after a `send` that returned false, has
 *    room again.
 *
 * Nothing here reads a clock, sets a timer, or does I/O but by the device.
 */
import { Clock } from './clock.ts';
import { Counters } from './counters.ts';
import type { Device } from './device.ts';
import { type EchoRequest, IcmpLayer } from './icmp/icmpv4.ts';
import { UnreachableSender } from './icmp/unreachable.ts';
import { DatagramSender } from './ip/datagram-sender.ts';
import type { Endpoint } from './ip/flow.ts';
import { FragmentReassembler } from './ip/fragments.ts';
import { parseFrame } from './ip/ipv4-input.ts';
import { InboundPacket } from './ip/packet.ts';
import { Transmitter } from './ip/transmitter.ts';
import { resolveLimits, type StackLimits } from './limits.ts';
import { TcpContext } from './tcp/context.ts';
import { IsnGenerator } from './tcp/isn.ts';
import { TcpLayer } from './tcp/layer.ts';
import type { TcpRequest } from './tcp/request.ts';
import { type ConnectionSnapshot, snapshotOf } from './tcp/snapshot.ts';
import { Tcb } from './tcp/tcb.ts';
import { getInt32 } from './wire/bytes.ts';
import { PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from './wire/ipv4.ts';
import { type UdpDatagram, UdpLayer } from './udp/udp.ts';

export interface StackOptions {
  readonly device: Device;
  /** Milliseconds of a monotonic clock, with fractions. */
  readonly now: number;
  /** Fills the array with random bytes that nobody can foresee. */
  readonly random: (bytes: Uint8Array) => void;
  readonly limits?: Partial<StackLimits>;
}

/** RFC 791: every link carries 68 bytes, and TCP here needs some payload in them. */
const MIN_MTU = 128;

export class Stack {
  readonly counters = new Counters();
  /**
   * Called when a call of the application outside `receive` and `poll` has left
   * work: at most once until the next poll. The driver then arranges for one.
   */
  onWake: (() => void) | null = null;
  readonly #clock: Clock;
  readonly #transmitter: Transmitter;
  readonly #fragments: FragmentReassembler;
  readonly #unreachable: UnreachableSender;
  readonly #udp: UdpLayer;
  readonly #icmp: IcmpLayer;
  readonly #tcp: TcpLayer;
  readonly #packet = new InboundPacket();
  /** Within receive or poll: a poll is on its way anyway. */
  #inside = false;
  #woken = false;

  constructor(options: StackOptions) {
    const { device, random, now } = options;
    if (device.mtu < MIN_MTU) throw new RangeError(`an mtu of ${device.mtu} is too small`);
    const limits = resolveLimits(options.limits);
    const { counters } = this;
    const seeds = new Uint8Array(12);
    random(seeds);
    this.#clock = new Clock(now);
    this.#transmitter = new Transmitter(device, limits, counters);
    this.#fragments = new FragmentReassembler(limits, counters, getInt32(seeds, 0));
    const sender = new DatagramSender(this.#transmitter, counters, getInt32(seeds, 4));
    this.#unreachable = new UnreachableSender(this.#transmitter, sender, limits, counters, this.#clock);
    this.#udp = new UdpLayer(this.#transmitter, sender, this.#unreachable, counters);
    const context = new TcpContext(
      this.#clock,
      limits,
      counters,
      this.#transmitter,
      new IsnGenerator(random),
      getInt32(seeds, 8),
      () => this.#wake(),
    );
    this.#tcp = new TcpLayer(context, this.#unreachable);
    this.#icmp = new IcmpLayer(
      this.#transmitter,
      sender,
      this.#unreachable,
      counters,
      this.#tcp.isSegmentInFlight.bind(this.#tcp),
    );
  }

  /** A SYN of a new flow. Without a handler it is refused. */
  get onTcpRequest(): ((request: TcpRequest) => void) | null {
    return this.#tcp.onRequest;
  }

  set onTcpRequest(handler: ((request: TcpRequest) => void) | null) {
    this.#tcp.onRequest = handler;
  }

  /** A UDP datagram. Without a handler it is answered by ICMP port unreachable. */
  get onUdp(): ((datagram: UdpDatagram) => void) | null {
    return this.#udp.onDatagram;
  }

  set onUdp(handler: ((datagram: UdpDatagram) => void) | null) {
    this.#udp.onDatagram = handler;
  }

  /** A ping. Without a handler it is ignored. */
  get onEcho(): ((request: EchoRequest) => void) | null {
    return this.#icmp.onEcho;
  }

  set onEcho(handler: ((request: EchoRequest) => void) | null) {
    this.#icmp.onEcho = handler;
  }

  /**
   * Takes one frame: a virtio-net header and an IP packet. The buffer is the
   * device's again when this returns.
   */
  receive(nowMs: number, buffer: Uint8Array, offset: number, length: number): void {
    this.#clock.nowMs = nowMs;
    this.#inside = true;
    try {
      const packet = this.#packet;
      if (!parseFrame(packet, buffer, offset, length, this.#fragments, nowMs, this.counters)) return;
      switch (packet.protocol) {
        case PROTOCOL_TCP:
          this.#tcp.receive(packet);
          break;
        case PROTOCOL_UDP:
          this.#udp.receive(packet);
          break;
        case PROTOCOL_ICMP:
          this.#icmp.receive(packet);
          break;
        default:
          this.counters.ipProtocolUnknown++;
          this.#unreachable.send(packet.quote(), 'protocol');
      }
    } finally {
      this.#inside = false;
    }
  }

  /** Fires timers, tells connections' events, sends all that is pending. */
  poll(nowMs: number): void {
    this.#clock.nowMs = nowMs;
    this.#inside = true;
    this.#woken = false;
    try {
      this.#tcp.fireTimers(nowMs);
      this.#fragments.expire(nowMs);
      this.#tcp.tellEvents();
      this.#tcp.sendOutput();
    } finally {
      this.#inside = false;
    }
  }

  /** When `poll` is next needed, in the clock of `now`: Infinity if nothing is to come, at once if work is left. */
  pollAt(): number {
    const { context } = this.#tcp;
    if (context.hasEvents || (context.hasOutput && !this.#transmitter.full)) return this.#clock.nowMs;
    return Math.min(this.#tcp.earliestTimerMs, this.#fragments.earliestMs);
  }

  /** The device has room again, after a send that it did not take. */
  deviceWritable(nowMs: number): void {
    this.#transmitter.writable();
    this.poll(nowMs);
  }

  /** A datagram from any address. @returns false where it was dropped: no room, or too large for UDP */
  sendUdp(from: Endpoint, to: Endpoint, payload: Uint8Array): boolean {
    return this.#udp.sendBetween(from, to, payload);
  }

  /** The connections at this moment, without those in TIME-WAIT. */
  *connections(): IterableIterator<ConnectionSnapshot> {
    for (const entry of this.#tcp.context.flows.values()) {
      if (entry instanceof Tcb) yield snapshotOf(entry);
    }
  }

  /** Resets all connections and refuses all requests, at once. Their `onClosed` follows at the next poll. */
  abortAll(): void {
    this.#tcp.abortAll();
  }

  #wake(): void {
    if (this.#inside || this.#woken) return;
    this.#woken = true;
    this.onWake?.();
  }
}
