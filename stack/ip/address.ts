/**
 * IPv4 addresses: int32 inside the stack, text at its edge.
 */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** @throws RangeError where the text is not four decimal numbers: an address is never a guess */
export function parseIpv4(text: string): number {
  const parts = text.split('.');
  let address = 0;
  for (const part of parts) {
    if (parts.length !== 4 || !/^\d{1,3}$/.test(part) || Number(part) > 255) {
      throw new RangeError(`not an IPv4 address: ${text}`);
    }
    address = (address << 8) | Number(part);
  }
  return address;
}

/**
 * Whether a packet may come from there (RFC 1122 3.2.1.3): a single host, not
 * "this network" (0/8), the loopback (127/8), a group, or everybody.
 */
export function isUnicastSource(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 240 && first >>> 4 !== 0xe;
}

/** Whether a single host is meant; 224/4 are groups, 255.255.255.255 is everybody here. */
export function isUnicastDestination(address: number): boolean {
  return address >>> 28 !== 0xe && address !== -1 && address !== 0;
}
