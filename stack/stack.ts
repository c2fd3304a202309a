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
import type { EchoRequest } from './icmp/echo.ts';
import { IcmpErrorInput } from './icmp/error-input.ts';
import { IcmpErrorSender } from './icmp/error-sender.ts';
import { IcmpLayer } from './icmp/icmp.ts';
import { IcmpMessageSender } from './icmp/message-sender.ts';
import { FragmentReassembler } from './ip/input/fragments.ts';
import { IpInput } from './ip/input/input.ts';
import { DatagramSender } from './ip/output/datagram-sender.ts';
import { Transmitter } from './ip/output/transmitter.ts';
import type { Endpoint } from './ip/packet/flow.ts';
import { InboundPacket } from './ip/packet/packet.ts';
import { type Framing, Link } from './ip/path/link.ts';
import { PathMtuTable } from './ip/path/path-mtu.ts';
import { Path } from './ip/path/path.ts';
import { resolveLimits, type StackLimits } from './limits.ts';
import type { TcpConnection } from './tcp/application/connection.ts';
import type { TcpRequest } from './tcp/application/request.ts';
import { type ConnectionSnapshot, snapshotOf } from './tcp/application/snapshot.ts';
import { TcpLayer } from './tcp/layer.ts';
import { IsnGenerator } from './tcp/numbers/isn.ts';
import { TcpContext } from './tcp/state/context.ts';
import { Tcb } from './tcp/state/tcb.ts';
import { UdpFlows } from './udp/flows.ts';
import { type UdpDatagram, type UdpError, UdpLayer } from './udp/udp.ts';
import { getInt32 } from './wire/bytes.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from './wire/ipv4.ts';

export interface StackOptions {
  readonly device: Device;
  /** What a frame holds behind its virtio-net header: an IP packet, or an Ethernet frame. Default: `ip`. */
  readonly framing?: Framing;
  /** Milliseconds of a monotonic clock, with fractions. */
  readonly now: number;
  /** Fills the array with random bytes that nobody can foresee. */
  readonly random: (bytes: Uint8Array<ArrayBuffer>) => void;
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
  readonly #input: IpInput;
  readonly #errors: IcmpErrorSender;
  readonly #udp: UdpLayer;
  readonly #icmp: IcmpLayer;
  readonly #tcp: TcpLayer;
  readonly #link: Link;
  readonly #packet: InboundPacket;
  /** Within receive or poll: a poll is on its way anyway. */
  #inside = false;
  #woken = false;

  constructor(options: StackOptions) {
    const { device, random, now } = options;
    if (device.mtu < MIN_MTU) throw new RangeError(`an mtu of ${device.mtu} is too small`);
    const limits = resolveLimits(options.limits);
    const { counters } = this;
    const seeds = new Uint8Array(16);
    random(seeds);
    this.#clock = new Clock(now);
    const pathMtus = new PathMtuTable(limits, this.#clock);
    const link = new Link(device, options.framing ?? 'ip', pathMtus, limits.hopLimit);
    this.#link = link;
    this.#packet = new InboundPacket(link);
    this.#transmitter = new Transmitter(device, limits, counters);
    const sender = new DatagramSender(this.#transmitter, counters, getInt32(seeds, 4));
    const messages = new IcmpMessageSender(this.#transmitter, sender);
    this.#errors = new IcmpErrorSender(messages, limits, counters, this.#clock);
    this.#fragments = new FragmentReassembler(limits, counters, this.#errors, getInt32(seeds, 0));
    this.#input = new IpInput(link, this.#fragments, this.#errors, counters, limits.maxExtensionHeaders);
    const udpFlows = new UdpFlows(limits, this.#clock, getInt32(seeds, 12));
    this.#udp = new UdpLayer(link, this.#transmitter, sender, this.#errors, udpFlows, counters);
    const context = new TcpContext(
      this.#clock,
      limits,
      counters,
      this.#transmitter,
      new IsnGenerator(random),
      getInt32(seeds, 8),
      () => this.#wake(),
    );
    this.#tcp = new TcpLayer(context, this.#errors);
    const errorInput = new IcmpErrorInput(this.#tcp, this.#udp, counters, new InboundPacket(link));
    this.#icmp = new IcmpLayer(messages, this.#errors, errorInput, counters);
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

  /** An ICMP error about datagrams sent; a relay may close what it keeps for their flow. */
  get onUdpError(): ((error: UdpError) => void) | null {
    return this.#udp.onError;
  }

  set onUdpError(handler: ((error: UdpError) => void) | null) {
    this.#udp.onError = handler;
  }

  /** A ping. Without a handler it is ignored. */
  get onEcho(): ((request: EchoRequest) => void) | null {
    return this.#icmp.onEcho;
  }

  set onEcho(handler: ((request: EchoRequest) => void) | null) {
    this.#icmp.onEcho = handler;
  }

  /**
   * Takes one frame: a virtio-net header and an IP packet, or an Ethernet frame with one. The buffer is the
   * device's again when this returns.
   */
  receive(nowMs: number, buffer: Uint8Array, offset: number, length: number): void {
    this.#clock.nowMs = nowMs;
    this.#inside = true;
    try {
      const packet = this.#packet;
      if (!this.#input.parse(packet, buffer, offset, length, nowMs)) return;
      switch (packet.protocol) {
        case PROTOCOL_TCP:
          this.#tcp.receive(packet);
          break;
        case PROTOCOL_UDP:
          this.#udp.receive(packet);
          break;
        case PROTOCOL_ICMP:
        case PROTOCOL_ICMPV6:
          if ((packet.protocol === PROTOCOL_ICMP) === (packet.version === 4)) this.#icmp.receive(packet);
          else this.#unknownProtocol(packet);
          break;
        default:
          this.#unknownProtocol(packet);
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

  /**
   * Several datagrams of one flow, in their order. Where the device takes UDP segmentation, those of one size go in
   * one frame.
   *
   * @returns how many were not dropped
   */
  sendUdpAll(from: Endpoint, to: Endpoint, payloads: readonly Uint8Array[]): number {
    return this.#udp.sendAllBetween(from, to, payloads);
  }

  /**
   * Opens a connection from an address the stack answers for to the guest's.
   * `onEstablished` tells when it is open, `onClosed` when it was refused or
   * found nobody; data may be written at once.
   *
   * @param from port 0 has a free one chosen
   * @throws ConnectError where it cannot be tried
   */
  connect(from: Endpoint, to: Endpoint): TcpConnection {
    return this.#tcp.connect(Path.between(this.#link, from.address, to.address), from.port, to.port);
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

  #unknownProtocol(packet: InboundPacket): void {
    this.counters.ipProtocolUnknown++;
    this.#errors.unreachable(packet.quote(), 'protocol');
  }

  #wake(): void {
    if (this.#inside || this.#woken) return;
    this.#woken = true;
    this.onWake?.();
  }
}
