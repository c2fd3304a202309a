/** SOCKS5 (RFC 1928), with user and password where the URL has them (RFC 1929). */

import { addressBytes } from '../address-bytes.ts';
import { RemoteStreamError } from '../../relay/stream.ts';
import type { EgressDestination } from '../dialer.ts';
import type { Conversation } from './handshake.ts';
import type { ProxyEndpoint } from './url.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const LOGIN_VERSION = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
const MAX_NAME_BYTES = 255;

export const CONNECT = 1;
export const UDP_ASSOCIATE = 3;

/** RFC 1928, 6. */
const REPLIES: Readonly<Record<number, () => RemoteStreamError>> = {
  1: () => new RemoteStreamError('unreachable', 'the proxy has failed', { unreachable: 'host' }),
  2: () => new RemoteStreamError('unreachable', 'the proxy forbids it', { unreachable: 'admin-prohibited' }),
  3: () => new RemoteStreamError('unreachable', 'no way from the proxy', { unreachable: 'net' }),
  4: () => new RemoteStreamError('unreachable', 'no such host at the proxy', { unreachable: 'host' }),
  5: () => new RemoteStreamError('refused', 'refused, at the proxy'),
  6: () => new RemoteStreamError('silent', 'no answer, at the proxy'),
  7: () =>
    new RemoteStreamError('unreachable', 'the proxy has no such command', {
      unreachable: 'admin-prohibited',
    }),
  8: () =>
    new RemoteStreamError('unreachable', 'the proxy does not know such addresses', { unreachable: 'net' }),
};

/** What the proxy has bound for a request. */
export interface BoundAddress {
  /** Of 4 or 16 bytes; undefined where the proxy says a name. */
  readonly address: Uint8Array | undefined;
  readonly port: number;
}

/** Greets the proxy and asks for something. */
export async function requestBySocks(
  conversation: Conversation,
  { credentials }: ProxyEndpoint,
  command: number,
  destination: EgressDestination,
): Promise<BoundAddress> {
  const methods = credentials === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USER_AND_PASSWORD];
  conversation.say(Uint8Array.of(VERSION, methods.length, ...methods));
  const [version, method] = await conversation.take(2);
  if (version !== VERSION) throw new Error('it does not speak SOCKS5');
  if (method === USER_AND_PASSWORD && credentials !== undefined) await logIn(conversation, credentials);
  else if (method !== NO_AUTHENTICATION) throw new Error('it wants user and password, put them into its URL');

  conversation.say(Uint8Array.of(VERSION, command, 0, ...encodeDestination(destination)));
  const [, reply, , type] = await conversation.take(4);
  if (reply !== 0)
    throw REPLIES[reply]?.() ?? new RemoteStreamError('unreachable', `the proxy refuses by code ${reply}`);
  const address = await takeAddress(conversation, type);
  return { address, port: (await conversation.take(2)).readUInt16BE() };
}

/** @returns undefined for a name */
async function takeAddress(conversation: Conversation, type: number): Promise<Uint8Array | undefined> {
  if (type === IPV4) return conversation.take(4);
  if (type === IPV6) return conversation.take(16);
  if (type !== NAME) throw new Error('it does not speak SOCKS5');
  const [length] = await conversation.take(1);
  await conversation.take(length);
  return undefined;
}

async function logIn(
  conversation: Conversation,
  { user, password }: NonNullable<ProxyEndpoint['credentials']>,
): Promise<void> {
  const fields = [user, password].map((text) => Buffer.from(text));
  conversation.say(
    Buffer.concat([
      Uint8Array.of(LOGIN_VERSION),
      ...fields.flatMap((field) => [Uint8Array.of(field.length), field]),
    ]),
  );
  const [, status] = await conversation.take(2);
  if (status !== 0) throw new Error('it does not take this user and password');
}

/** Address type, address, port (RFC 1928, 4). The proxy resolves the name where there is one. */
export function encodeDestination({ address, port, name }: EgressDestination): Uint8Array {
  const bytes = name === undefined ? addressBytes(address) : Buffer.from(name);
  if (bytes.length > MAX_NAME_BYTES) throw new RangeError(`a name of ${bytes.length} bytes`);
  const head = name !== undefined ? [NAME, bytes.length] : [bytes.length === 4 ? IPV4 : IPV6];
  return Uint8Array.of(...head, ...bytes, port >> 8, port & 0xff);
}

const DATAGRAM_HEAD = 3; // reserved, and the number of a fragment (RFC 1928, 7)

export function wrapDatagram(encodedDestination: Uint8Array, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(DATAGRAM_HEAD + encodedDestination.length + payload.length);
  message.set(encodedDestination, DATAGRAM_HEAD);
  message.set(payload, DATAGRAM_HEAD + encodedDestination.length);
  return message;
}

/** @returns undefined for a fragment, which hardly any proxy makes, and for anything that is too short */
export function unwrapDatagram(
  message: Uint8Array,
): { address: Uint8Array; port: number; payload: Uint8Array } | undefined {
  const type = message[DATAGRAM_HEAD];
  const start = DATAGRAM_HEAD + 1;
  const length = type === IPV4 ? 4 : type === IPV6 ? 16 : -1;
  const end = start + length + 2;
  if (length < 0 || message[2] !== 0 || message.length < end) return undefined;
  return {
    address: message.subarray(start, start + length),
    port: (message[end - 2] << 8) | message[end - 1],
    payload: message.subarray(end),
  };
}
