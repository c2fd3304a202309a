/**
 * Takes the items out of a list of the API while it comes in.
 *
 *     "k8s\0"  typeMeta  raw: metadata, item, item, | item, …   contentEncoding …
 *
 * What stands in a list says beforehand how long it is: nothing is looked
 * through, and an item is decoded where it lies in the piece that it has come
 * in, when somebody wants it.
 */
import { type Batch, BATCH_ITEMS, type ListParser } from '../list-parser.ts';
import { expectMagic, MAGIC, RAW } from './envelope.ts';
import { type Decoded, decode, type Message } from './message.ts';
import { LIST_META } from './models.ts';
import { fieldAt, LEN, type Place, WireReader } from './wire.ts';

/** The fields of a list, whatever it is one of. */
const [METADATA, ITEMS] = [1, 2];

export class ProtobufList implements ListParser {
  readonly #item: Message;
  /** What has come of a field that is not yet whole. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  /** How many bytes that field has. */
  #wanted = MAGIC.length;
  /** What is still to come of the list itself; undefined before it has begun. */
  #left: number | undefined;
  #metadata: Decoded = {};
  #begun = false;

  constructor(item: Message) {
    this.#item = item;
  }

  *push(piece: Buffer): Generator<Batch> {
    this.#partial.push(piece);
    this.#partialBytes += piece.length;
    if (this.#partialBytes < this.#wanted) return;
    const bytes = this.#partial.length === 1 ? piece : Buffer.concat(this.#partial);
    const rest = bytes.subarray(yield* this.#take(bytes, this.#begin(bytes)));
    this.#partial = [rest];
    this.#partialBytes = rest.length;
  }

  end(): unknown {
    if (this.#left !== 0) throw new SyntaxError('a list that breaks off');
    return { metadata: this.#metadata, items: [] };
  }

  /** @returns where fields begin in what has come first, or in what has come now */
  #begin(bytes: Buffer): number {
    if (this.#begun) return 0;
    expectMagic(bytes);
    this.#begun = true;
    return MAGIC.length;
  }

  /** @returns up to where there were whole fields */
  *#take(bytes: Buffer, from: number): Generator<Batch, number> {
    let batch = new Items(this.#item, bytes);
    let taken = from;
    this.#wanted = 1;
    while (taken < bytes.length) {
      const field = fieldAt(bytes, taken);
      const { number, wireType, value, end } = field;
      const isList = this.#left === undefined && number === RAW && wireType === LEN;
      const whole = isList ? value : end;
      if (whole > bytes.length) {
        this.#wanted = whole - taken;
        break;
      }
      if (isList) this.#left = end - value;
      else if (this.#left) {
        if ((number === ITEMS || number === METADATA) && wireType !== LEN)
          throw new SyntaxError(`a list whose field ${number} has wire type ${wireType}`);
        if (number === ITEMS) batch.add(field);
        if (number === METADATA) this.#metadata = decode(LIST_META, new WireReader(bytes, value), end);
        this.#left -= end - taken;
      }
      taken = whole;
      if (batch.count < BATCH_ITEMS) continue;
      yield batch;
      batch = new Items(this.#item, bytes);
    }
    if (batch.count > 0) yield batch;
    return taken;
  }
}

/** Items where they lie. */
class Items implements Batch {
  readonly #item: Message;
  readonly #bytes: Buffer;
  readonly #places: Place[] = [];

  constructor(item: Message, bytes: Buffer) {
    this.#item = item;
    this.#bytes = bytes;
  }

  add(place: Place): void {
    this.#places.push(place);
  }

  get count(): number {
    return this.#places.length;
  }

  read(): Decoded[] {
    return this.#places.map(({ value, end }) => decode(this.#item, new WireReader(this.#bytes, value), end));
  }
}
