/** The policy once more, as slow and plain as it can be said: text, BigInt, and one rule after the other. */

import ipaddr from 'ipaddr.js';

export interface NaiveRule {
  readonly action: 'allow' | 'deny';
  readonly protocol?: string;
  /** A CIDR, a name, `*.name`, or `*`. */
  readonly target: string;
  readonly ports?: readonly [number, number];
}

export interface NaiveFlow {
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
  readonly names: readonly string[];
}

const NEVER = [
  '127.0.0.0/8',
  '0.0.0.0/8',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::1/128',
  '::/128',
  'ff00::/8',
];
const UNLESS_MEANT = [
  '169.254.0.0/16',
  'fe80::/10',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
];

function bits(address: string): string {
  return ipaddr
    .process(address)
    .toByteArray()
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
}

function isIn(address: string, cidr: string): boolean {
  const [network = '', prefix = ''] = cidr.split('/');
  const [a, b] = [bits(address), bits(network)];
  return a.length === b.length && a.slice(0, Number(prefix)) === b.slice(0, Number(prefix));
}

function ipv4(text: string): string {
  const bytes = text.match(/.{8}/g) ?? [];
  return bytes.map((byte) => Number.parseInt(byte, 2)).join('.');
}

function turned(text: string): string {
  return text.replaceAll(/./g, (bit) => (bit === '0' ? '1' : '0'));
}

/** The IPv4 hosts that an address stands for, besides itself. */
function spellings(address: string): string[] {
  const all = [ipaddr.process(address).toString()];
  const b = bits(address);
  if (b.length === 32) return all;
  if (isIn(address, '::ffff:0:0:0/96')) all.push(ipv4(b.slice(96)));
  if (isIn(address, '64:ff9b::/96') || isIn(address, '64:ff9b:1::/48')) all.push(ipv4(b.slice(96)));
  else if (isIn(address, '2002::/16')) all.push(ipv4(b.slice(16, 48)));
  else if (isIn(address, '2001::/32')) all.push(ipv4(turned(b.slice(96))));
  else if (/^.{64}0{6}[01]0{9}0101111011111110/.test(b)) all.push(ipv4(b.slice(96)));
  else if (isIn(address, '::/96') && !isIn(address, '::/127')) all.push(ipv4(b.slice(96)));
  return all;
}

export function naiveVerdict(
  rules: readonly NaiveRule[],
  egress: 'allow' | 'deny',
  own: readonly string[],
  flow: NaiveFlow,
): 'allow' | 'deny' {
  const all = spellings(flow.address);
  const ownRanges = own.map((address) => `${address}/${address.includes(':') ? 128 : 32}`);
  // Of the address itself first, then of what it leads to; what is never opened goes before the rest.
  const closed = all.flatMap((one) =>
    [...NEVER, ...UNLESS_MEANT, ...ownRanges].filter((range) => isIn(one, range)),
  )[0];
  for (const { action, protocol, target, ports } of rules) {
    if (protocol !== undefined && protocol !== flow.protocol) continue;
    if (ports !== undefined && (flow.protocol === 'icmp' || flow.port < ports[0] || flow.port > ports[1]))
      continue;
    const isRange = /^[\d.]+\/|:/.test(target);
    const about = isRange
      ? all.some((one) => isIn(one, target))
      : target === '*' ||
        flow.names.some((name) =>
          target.startsWith('*.') ? name.endsWith(target.slice(1)) : name === target,
        );
    if (!about) continue;
    if (closed !== undefined && action === 'allow') {
      const [network = '', prefix = '0'] = target.split('/');
      const within = isRange && isIn(network, closed) && Number(prefix) >= Number(closed.split('/')[1]);
      if (!within || NEVER.includes(closed)) continue;
    }
    return action;
  }
  return closed === undefined ? egress : 'deny';
}
