/**
 * Reads the wire format of Protocol Buffers (protobuf.dev, "Encoding").
 *
 * A message is a run of fields, each a tag (its number, and how long it is)
 * and a value. Nothing here looks behind the bytes: a field that ends there
 * leaves `at` beyond them, which is for the caller to see.
 */

/** A number of 64 bits, by seven. */
const LONGEST_VARINT = 10;

/** Of a tag, the lower three bits. Groups are none of those in use. */
export const [VARINT, I64, LEN, I32] = [0, 1, 2, 5];

export class WireReader {
  readonly bytes: Buffer;
  /** Of the next byte. */
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** The lower 32 bits, as an int32 has them; a negative one was written with all 64. @throws SyntaxError */
  varint(): number {
    const { bytes, at } = this;
    let byte = bytes[this.at++];
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (this.at - at === LONGEST_VARINT) throw new SyntaxError('a number of more than 64 bits');
      byte = bytes[this.at++];
      if (shift < 32) value |= (byte & 0x7f) << shift;
    }
    return value;
  }

  /** The length in front of a text, a map's entry, or a message in another. @throws SyntaxError */
  length(): number {
    const length = this.varint();
    if (length < 0) throw new SyntaxError('a field of more than 2 GiB');
    return length;
  }

  /** Passes a value over. @throws SyntaxError */
  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.varint();
        break;
      case I64:
        this.at += 8;
        break;
      case LEN: {
        const length = this.length();
        this.at += length;
        break;
      }
      case I32:
        this.at += 4;
        break;
      default:
        throw new SyntaxError(`a field of wire type ${wireType}`);
    }
  }
}

/** A field whose value lies from there up to the end. */
export interface Place {
  readonly number: number;
  readonly wireType: number;
  readonly value: number;
  /** Beyond the bytes where the field is not whole. */
  readonly end: number;
}

/** @throws SyntaxError */
export function fieldAt(bytes: Buffer, at: number): Place {
  const reader = new WireReader(bytes, at);
  const tag = reader.varint();
  const [number, wireType] = [tag >>> 3, tag & 7];
  if (wireType === LEN) {
    const length = reader.length();
    return { number, wireType, value: reader.at, end: reader.at + length };
  }
  const value = reader.at;
  reader.skip(wireType);
  return { number, wireType, value, end: reader.at };
}
