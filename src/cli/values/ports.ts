/**
 * How the command line names ports.
 *
 *     --publish    [address:]hostPort:port[/udp][,proxy=v1|v2], port, or auto[/udp]
 *                  [address:]hostPort:target[:port][,proxy=v1|v2], with a target as of --pick
 *     --host-port  [port:]hostPort[/udp], or all
 *
 * A port may be a range, 8000-8010; two of a pair are of one length. IPv6
 * addresses are in brackets.
 */

import { isIP, isIPv6 } from 'node:net';
import { UsageError } from '../../errors.ts';
import type { HostPortRule, ProxyHeader, PublishRule } from '../../publish/index.ts';
import type { PublishedTarget } from '../../session/choices.ts';
import { given } from './given.ts';
import { parseTarget } from './target.ts';

const LARGEST = 65_535;
/** Each port is a server of its own, or two. */
const MAX_RANGE = 1_024;

const PUBLISH =
  /^(?:(?:(?:\[(?<six>[^\]]*)\]|(?<four>[^:[\]]*)):)?(?<host>[\d-]+):)?(?<inside>[\d-]+)(?:\/(?<protocol>tcp|udp))?(?:,proxy=(?<header>v1|v2))?$/;
/** Contexts may have any character: what follows the last slash tells the port from the rest. */
const PUBLISH_TARGET =
  /^(?:(?:\[(?<six>[^\]]*)\]|(?<four>[^:[\]/]*)):)?(?<host>\d+):(?<target>(?!\d+\/[^/]*$).+?\/[^/:,]+)(?::(?<port>[^/:,]*)(?:\/(?<protocol>tcp|udp))?)?(?:,proxy=(?<header>v1|v2))?$/;
/** IANA_SVC_NAME (RFC 6335, section 5.1), as Kubernetes has it for ports of Services. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const AUTO = /^auto(?:\/(?<protocol>tcp|udp))?$/;
const HOST_PORT = /^(?:(?<inside>[\d-]+):)?(?<host>[\d-]+)(?:\/(?<protocol>tcp|udp))?$/;

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Throws `PUBLISH_INVALID` and `TARGET_INVALID`. */
export function parsePublish(text: string): (PublishRule | PublishedTarget)[] {
  const auto = AUTO.exec(text);
  if (auto !== null) return [{ kind: 'auto', protocol: protocolOf(auto) }];
  const match = PUBLISH.exec(text);
  const ofTarget = match === null ? PUBLISH_TARGET.exec(text) : null;
  if (ofTarget !== null) return [parsePublishedTarget(ofTarget, text)];
  const { host, inside = '', header } = match?.groups ?? {};
  const ports = parseRange(inside, 1);
  const hostPorts = host === undefined ? ports : parseRange(host, 0);
  if (match === null || ports === undefined || hostPorts === undefined)
    throw invalid(text, `that is no port, nor a range of at most ${MAX_RANGE}`);
  const address = parseAddress(match, text);
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
    ...given({ address, proxyHeader: parseHeader(match) }),
  }));
}

/** Throws `PUBLISH_INVALID` where two are to be met at one port of the host. */
export function checkPublished(rules: readonly (PublishRule | PublishedTarget)[]): void {
  const met = new Set<string>();
  for (const rule of rules) {
    if (rule.kind === 'auto' || rule.hostPort === 0) continue;
    const { address = '127.0.0.1', hostPort } = rule;
    const place = `${address} ${hostPort}/${rule.kind === 'target' ? 'tcp' : rule.protocol}`;
    if (met.has(place)) {
      throw new UsageError(
        'PUBLISH_INVALID',
        `--publish: port ${hostPort} of the host is given twice`,
        'publish one of them at another port, or at 0 for a free one',
      );
    }
    met.add(place);
  }
}

function parsePublishedTarget(match: RegExpExecArray, text: string): PublishedTarget {
  const { host = '', target = '', port } = match.groups ?? {};
  const hostPort = parseRange(host, 0)?.first;
  const isNumber = port !== undefined && /^\d+$/.test(port);
  const number = isNumber ? parseRange(port, 1)?.first : undefined;
  if (hostPort === undefined || (port !== undefined && number === undefined && !PORT_NAME.test(port)))
    throw invalid(text, 'that is no port');
  if (protocolOf(match) === 'udp') throw invalid(text, 'a port-forward carries TCP only');
  return {
    kind: 'target',
    hostPort,
    target: parseTarget(target, '--publish'),
    ...given({
      address: parseAddress(match, text),
      port: number ?? port,
      proxyHeader: parseHeader(match),
    }),
  };
}

function parseAddress({ groups }: RegExpExecArray, text: string): string | undefined {
  const { six, four } = groups ?? {};
  const address = six ?? four;
  if (address !== undefined && isIP(address) === 0) throw invalid(text, `"${address}" is no IP address`);
  if (six !== undefined && !isIPv6(six)) throw invalid(text, `brackets are for IPv6 addresses`);
  return address;
}

function parseHeader({ groups }: RegExpExecArray): ProxyHeader | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pattern lets nothing else through
  return groups?.['header'] as ProxyHeader | undefined;
}

/** Throws `HOST_PORT_INVALID`. */
export function parseHostPort(text: string): HostPortRule {
  if (text === 'all') return { kind: 'all' };
  const match = HOST_PORT.exec(text);
  const { host = '', inside = host } = match?.groups ?? {};
  const [ports, hostPorts] = [parseRange(inside, 1), parseRange(host, 1)];
  if (match === null || ports === undefined || hostPorts === undefined)
    throw invalidHostPort(`"${text}" is no port`);
  if (lengthOf(ports) !== lengthOf(hostPorts))
    throw invalidHostPort(`the ranges of "${text}" differ in length`);
  return { kind: 'ports', protocol: protocolOf(match), ...ports, hostFirst: hostPorts.first };
}

/** Throws `HOST_PORT_INVALID` where a port of the sandbox is to lead to two of the host. */
export function checkHostPorts(rules: readonly HostPortRule[]): void {
  const leads = new Map<string, number>();
  for (const { protocol, first, last, hostFirst } of rules.filter((rule) => rule.kind === 'ports')) {
    for (let port = first; port <= last; port++) {
      const [key, hostPort] = [`${port}/${protocol}`, hostFirst + port - first];
      const other = leads.get(key) ?? hostPort;
      if (other !== hostPort) throw invalidHostPort(`${key} would be ${other} and ${hostPort} of the host`);
      leads.set(key, hostPort);
    }
  }
}

function invalidHostPort(what: string): UsageError {
  return new UsageError(
    'HOST_PORT_INVALID',
    `--host-port: ${what}`,
    'give a port, a range of at most 1024, or all: 5432, 15432:5432 for another one inside, 8000-8010, 53/udp',
  );
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
    'write it as 8080:80, 8080:svc/web:80, 127.0.0.1:8080:80, [::1]:8080:80, 0:80 for a free one, 5353:53/udp, 8000-8010:8000-8010, or auto',
  );
}
