/**
 * What the API server puts around an object ("Kubernetes API Concepts", Protobuf encoding).
 *
 *     "k8s\0"  runtime.Unknown { typeMeta = 1, raw = 2: the object, contentEncoding = 3, contentType = 4 }
 */
import { type Decoded, decode, type Message } from './message.ts';
import { fieldAt, LEN, WireReader } from './wire.ts';

export const MEDIA_TYPE = 'application/vnd.kubernetes.protobuf';
export const MAGIC = Buffer.from('k8s\0');
/** The field of the object itself. */
export const RAW = 2;

/** @throws SyntaxError */
export function expectMagic(body: Buffer): void {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw new SyntaxError('no object of the API');
}

/** @throws SyntaxError */
export function decodeObject(of: Message, body: Buffer): Decoded {
  expectMagic(body);
  for (let at = MAGIC.length; at < body.length; ) {
    const { number, wireType, value, end } = fieldAt(body, at);
    if (number === RAW && wireType === LEN) return decode(of, new WireReader(body, value), end);
    at = end;
  }
  throw new SyntaxError('an envelope with nothing in it');
}
