/**
 * SPDY header blocks, the outgoing ones; incoming ones are never read (see frames.ts).
 *
 * A block is a list of names and values with 32-bit counts and lengths
 * (SPDY/3.1, section 2.6.10), inside one zlib stream that goes through the whole
 * connection and starts from a dictionary of common HTTP headers. A stream may
 * name that dictionary and then not compress at all: ours is made of stored
 * blocks (RFC 1951, section 3.2.4). The some 70 bytes of a block are not worth
 * a deflate context of 256 KiB per connection, nor an encoder whose output comes
 * some ticks later and would have to be put in order again.
 */

/** CMF and FLG with FDICT set (RFC 1950, section 2.2), then the Adler-32 of SPDY/3's dictionary. */
const ZLIB_HEADER = Uint8Array.of(0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2);
/** BFINAL 0 and BTYPE 00; the stream is at a byte boundary before and after each stored block. */
const STORED_BLOCK = 0x00;
/** An empty stored block, as a sync flush leaves it: Go's inflater hands out nothing before it. */
const SYNC_FLUSH = Uint8Array.of(STORED_BLOCK, 0x00, 0x00, 0xff, 0xff);
/** LEN of a stored block has 16 bits. */
const MAX_STORED = 0xffff;

export class HeaderBlockEncoder {
  #first = true;

  /** The block for these headers, names in lower case; to be sent in the order of the calls. */
  encode(headers: readonly (readonly [name: string, value: string])[]): Uint8Array {
    const words: Buffer[] = [uint32(headers.length)];
    for (const pair of headers) {
      for (const text of pair) {
        const bytes = Buffer.from(text);
        words.push(uint32(bytes.length), bytes);
      }
    }
    const plain = Buffer.concat(words);
    if (plain.length > MAX_STORED) throw new RangeError('header block too long');
    const stored = Buffer.allocUnsafe(5);
    stored.writeUInt8(STORED_BLOCK, 0);
    stored.writeUInt16LE(plain.length, 1);
    stored.writeUInt16LE(~plain.length & 0xffff, 3);
    const prefix = this.#first ? ZLIB_HEADER : new Uint8Array(0);
    this.#first = false;
    return Buffer.concat([prefix, stored, plain, SYNC_FLUSH]);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
