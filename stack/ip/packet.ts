/**
 * The packet being received, parsed down to its transport.
 *
 * There is one instance, filled anew for each packet, and `buffer` is the
 * device's arena: nothing of it may be kept when the call that was given it
 * returns.
 */
export class InboundPacket {
  buffer: Uint8Array = new Uint8Array(0);
  /** Of the IP header, within `buffer`. */
  ipOffset = 0;
  /** From the IP header to the end, by the header's own word (padding is not counted). */
  totalLength = 0;
  /** Of the transport's header. */
  offset = 0;
  /** From the transport's header to the end. */
  length = 0;
  protocol = 0;
  source = 0;
  destination = 0;
  /** The kernel vouches for the transport's checksum, or leaves it unfinished. */
  checksumTrusted = false;

  /**
   * The start of the packet, for an ICMP error to quote: as much as fits a
   * message of 576 bytes (RFC 1812 4.3.2.3), which keeps far more than the
   * eight bytes of the transport that RFC 792 asks for.
   */
  quote(): Uint8Array {
    return this.buffer.slice(this.ipOffset, this.ipOffset + Math.min(this.totalLength, MAX_QUOTE_BYTES));
  }
}

/** 576 less an IP and an ICMP header. */
const MAX_QUOTE_BYTES = 548;
