/** Addresses as the socket calls have them. */

import ipaddr from 'ipaddr.js';
import { remembered } from '../remembered.ts';

export type IpVersion = 4 | 6;

/** The bytes are everybody's, and not to be written to. @throws Error where the text is no address */
export const addressBytes = remembered(
  (address: string): Uint8Array => Uint8Array.from(ipaddr.parse(address).toByteArray()),
);

export function versionOf(address: Uint8Array): IpVersion {
  return address.length === 4 ? 4 : 6;
}

/** As the records of a datagram socket have them: four words, of which an IPv4 address is the first. */
export function addressWords(address: Uint8Array): readonly number[] {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  return [0, 4, 8, 12].map((at) => (at < address.length ? view.getInt32(at) : 0));
}
