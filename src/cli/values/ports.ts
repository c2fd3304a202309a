/**
 * How the command line names ports.
 *
 *     --publish    [address:]hostPort:port[/udp][,proxy=v1|v2], port, or auto[/udp]
 *     --host-port  port[/udp], or all
 *
 * A port may be a range, 8000-8010; two of a pair are of one length. IPv6
 * addresses are in brackets.
 */

import { isIP, isIPv6 } from 'node:net';
import { UsageError } from '../../errors.ts';
import type { HostPortRule, ProxyHeader, PublishRule } from '../../publish/index.ts';
import { given } from './given.ts';

const LARGEST = 65_535;
/** Each port is a server of its own, or two. */
const MAX_RANGE = 1_024;

const PUBLISH =
  /^(?:(?:(?:\[(?<six>[^\]]*)\]|(?<four>[^:[\]]*)):)?(?<host>[\d-]+):)?(?<inside>[\d-]+)(?:\/(?<protocol>tcp|udp))?(?:,proxy=(?<header>v1|v2))?$/;
const AUTO = /^auto(?:\/(?<protocol>tcp|udp))?$/;
const HOST_PORT = /^(?<ports>[\d-]+)(?:\/(?<protocol>tcp|udp))?$/;

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Throws `PUBLISH_INVALID`. */
export function parsePublish(text: string): PublishRule[] {
  const auto = AUTO.exec(text);
  if (auto !== null) return [{ kind: 'auto', protocol: protocolOf(auto) }];
  const match = PUBLISH.exec(text);
  const { six, four, host, inside = '', header } = match?.groups ?? {};
  const ports = parseRange(inside, 1);
  const hostPorts = host === undefined ? ports : parseRange(host, 0);
  if (match === null || ports === undefined || hostPorts === undefined)
    throw invalid(text, 'that is no port');
  const address = six ?? four;
  if (address !== undefined && isIP(address) === 0) throw invalid(text, `"${address}" is no IP address`);
  if (six !== undefined && !isIPv6(six)) throw invalid(text, `brackets are for IPv6 addresses`);
  const protocol = protocolOf(match);
  if (protocol === 'udp' && header !== undefined) throw invalid(text, 'a PROXY header is for TCP');
  const isFree = hostPorts.first === 0 && hostPorts.last === 0;
  const length = lengthOf(ports);
  if (!isFree && (hostPorts.first === 0 || lengthOf(hostPorts) !== length))
    throw invalid(text, 'the ranges differ in length');
  return Array.from({ length }, (_, i) => ({
    kind: 'fixed',
    protocol,
    hostPort: isFree ? 0 : hostPorts.first + i,
    port: ports.first + i,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pattern lets nothing else through
    ...given({ address, proxyHeader: header as ProxyHeader | undefined }),
  }));
}

/** Throws `HOST_PORT_INVALID`. */
export function parseHostPort(text: string): HostPortRule {
  if (text === 'all') return { kind: 'all' };
  const match = HOST_PORT.exec(text);
  const range = match === null ? undefined : parseRange(match.groups?.['ports'] ?? '', 1);
  if (match === null || range === undefined)
    throw new UsageError(
      'HOST_PORT_INVALID',
      `--host-port: "${text}" is no port`,
      'give a port, a range of at most 1024, or all: 5432, 8000-8010, 53/udp',
    );
  return { kind: 'ports', protocol: protocolOf(match), ...range };
}

function protocolOf({ groups }: RegExpExecArray): 'tcp' | 'udp' {
  return groups?.['protocol'] === 'udp' ? 'udp' : 'tcp';
}

function parseRange(text: string, least: number): Range | undefined {
  const [first, last = first, ...more] = text
    .split('-')
    .map((part) => (part === '' ? Number.NaN : Number(part)));
  const isRange = more.length === 0 && first >= least && last >= first && last <= LARGEST;
  return isRange && last - first < MAX_RANGE ? { first, last } : undefined;
}

function lengthOf({ first, last }: Range): number {
  return last - first + 1;
}

function invalid(text: string, why: string): UsageError {
  return new UsageError(
    'PUBLISH_INVALID',
    `--publish: "${text}" can not be published: ${why}`,
    'write it as 8080:80, 127.0.0.1:8080:80, [::1]:8080:80, 0:80 for a free one, 5353:53/udp, 8000-8010:8000-8010, or auto',
  );
}
