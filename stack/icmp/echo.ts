/** A ping. It holds a copy of its message, so it may be answered at any time. */
import type { UnreachableReason } from '../ip/packet/error-reporter.ts';
import type { InboundPacket, PacketQuote } from '../ip/packet/packet.ts';
import { ICMP_HEADER_BYTES, icmpIdentifier, icmpSequence } from '../wire/icmp.ts';
import type { IcmpLayer } from './icmp.ts';

export class EchoRequest {
  readonly identifier: number;
  readonly sequence: number;
  /** What follows identifier and sequence, to be sent back as it is. */
  readonly data: Uint8Array;
  readonly #quote: PacketQuote;
  readonly #icmp: IcmpLayer;

  constructor(icmp: IcmpLayer, packet: InboundPacket) {
    const { buffer, offset, length } = packet;
    this.#icmp = icmp;
    this.#quote = packet.quote();
    this.identifier = icmpIdentifier(buffer, offset);
    this.sequence = icmpSequence(buffer, offset);
    this.data = buffer.slice(offset + ICMP_HEADER_BYTES, offset + length);
  }

  /** What the guest pings. */
  get localAddress(): string {
    return this.#quote.path.localAddress;
  }

  get remoteAddress(): string {
    return this.#quote.path.remoteAddress;
  }

  reply(): void {
    const rest = (this.identifier << 16) | this.sequence;
    this.#icmp.sendEchoReply(this.#quote.path, rest, this.data);
  }

  unreachable(reason: UnreachableReason): void {
    this.#icmp.errors.unreachable(this.#quote, reason);
  }

  /** The way on carries packets of `mtu` bytes, and this was a larger one. */
  tooBig(mtu: number): void {
    this.#icmp.errors.tooBig(this.#quote, mtu);
  }
}
