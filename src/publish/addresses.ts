/** Loopback addresses. */

import type { OpenPort } from '../../sandbox/index.ts';

export const LOOPBACK = ['127.0.0.1', '::1'] as const;
export type Loopback = (typeof LOOPBACK)[number];

const ANY: Readonly<Record<string, Loopback>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Where a connection from the same network meets what listens there. */
export function addressOf({ address }: Pick<OpenPort, 'address'>): string {
  return ANY[address] ?? address;
}

export function isLoopback(address: string): address is Loopback {
  return address === LOOPBACK[0] || address === LOOPBACK[1];
}
