/** Where who has this UDP port is met, as far as the kernel tells: a system may be without udp_diag. */

import type { OpenPorts } from '../../../sandbox/index.ts';
import { addressOf } from '../addresses.ts';

export function boundAddresses(ports: OpenPorts | undefined, wanted: number): readonly string[] {
  try {
    const bound = ports?.read('udp').filter(({ port, ours }) => port === wanted && !ours);
    return bound?.map(addressOf) ?? [];
  } catch {
    return [];
  }
}
