/**
 * Messages of Protocol Buffers as the objects that their JSON would be.
 *
 * A schema names the fields that are wanted, by their numbers; all others are
 * passed over by their length alone, which is what makes this many times
 * faster than JSON. An empty text is left out, as it is in the JSON of the API.
 */

import { LEN, VARINT, WireReader } from './wire.ts';

/** What a field holds. */
type Type = 'text' | 'int32' | 'bool' | 'map' | 'int-or-string' | Message;

interface Field {
  readonly name: string;
  readonly type: Type;
  readonly repeated: boolean;
  /** Its text in the message before: many say the same, which is then kept once. */
  last: string;
}

/** By number. */
export type Message = readonly (Field | undefined)[];
export type Decoded = Record<string, unknown>;

/** @param fields by number: a name and a type; `name[]` is a repeated one */
export function message(fields: Readonly<Record<number, readonly [name: string, type: Type]>>): Message {
  const byNumber: Field[] = [];
  for (const [number, [name, type]] of Object.entries(fields)) {
    const repeated = name.endsWith('[]');
    byNumber[Number(number)] = { name: repeated ? name.slice(0, -2) : name, type, repeated, last: '' };
  }
  return byNumber;
}

interface Entry {
  key?: string;
  value?: string;
}

const ENTRY = message({ 1: ['key', 'text'], 2: ['value', 'text'] });
/** apimachinery's util/intstr: which of the two it is, 0 for the number; and both. */
const INT_OR_STRING = message({ 1: ['type', 'int32'], 2: ['int', 'int32'], 3: ['string', 'text'] });

const TOO_SHORT = 'a message that ends within a field';

/** The message from there up to the end. @throws SyntaxError where that is none */
export function decode(of: Message, reader: WireReader, end: number): Decoded {
  // Beyond the bytes there is nothing to stop at.
  if (end > reader.bytes.length) throw new SyntaxError(TOO_SHORT);
  const decoded: Decoded = {};
  while (reader.at < end) {
    const tag = reader.varint();
    const field = of[tag >>> 3];
    if (field === undefined) {
      reader.skip(tag & 7);
      continue;
    }
    take(decoded, field, read(field, reader, tag & 7));
  }
  if (reader.at > end) throw new SyntaxError(TOO_SHORT);
  return decoded;
}

function take(decoded: Decoded, { name, type, repeated }: Field, value: unknown): void {
  const before = decoded[name];
  if (type === 'map') {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as ENTRY has it, and as made here
    const [{ key, value: text }, map] = [value as Entry, (before ?? {}) as Decoded];
    map[key ?? ''] = text ?? '';
    decoded[name] = map;
  } else if (repeated) {
    if (Array.isArray(before)) before.push(value);
    else decoded[name] = [value];
  } else if (value !== '') {
    decoded[name] = value;
  }
}

function read(field: Field, reader: WireReader, wireType: number): unknown {
  const { type } = field;
  const isNumber = type === 'int32' || type === 'bool';
  if (wireType !== (isNumber ? VARINT : LEN))
    throw new SyntaxError(`${field.name} has wire type ${wireType}`);
  if (type === 'int32') return reader.varint();
  if (type === 'bool') return reader.varint() !== 0;
  const length = reader.length();
  const end = reader.at + length;
  if (type === 'text') return text(field, reader, end);
  if (type === 'map') return decode(ENTRY, reader, end);
  if (type === 'int-or-string') {
    const { type: which, int = 0, string = '' } = decode(INT_OR_STRING, reader, end);
    return which === 1 ? string : int;
  }
  return decode(type, reader, end);
}

function text(field: Field, reader: WireReader, end: number): string {
  const { bytes, at } = reader;
  reader.at = end;
  if (!isSame(field.last, bytes, at, end)) field.last = bytes.toString('utf8', at, end);
  return field.last;
}

function isSame(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
