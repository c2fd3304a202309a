/**
 * One rule, as the user writes it:
 *
 *     [tcp:|udp:|icmp:]TARGET[:PORTS][@DIALER]
 *
 *     10.0.0.0/8               a range            [2001:db8::1]:443        IPv6 with a port
 *     example.com:443          a name             *.example.com            all names below it
 *     *:80,8000-8100           whatever it is     udp:*:443@office         by a dialer
 *     svc/web:80               a Service          shop/svc/web, prod/shop/svc/web
 *     ns/shop                  all of a namespace ns/*                     all Services
 */

import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { UsageError } from '../errors.ts';
import { type AddressRange, parseAddressRange } from './address.ts';

export type Protocol = 'tcp' | 'udp' | 'icmp';
export type Action = 'allow' | 'deny';

export type Target =
  | { readonly kind: 'any' }
  | { readonly kind: 'range'; readonly range: AddressRange }
  | { readonly kind: 'name'; readonly name: string }
  /** All names that end with a dot and this. */
  | { readonly kind: 'below'; readonly name: string }
  /** Without a name all of the namespace; without a namespace, or a context, in any. */
  | {
      readonly kind: 'service';
      readonly context: string | undefined;
      readonly namespace: string | undefined;
      readonly name: string | undefined;
    };

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface Matcher {
  /** Undefined for all of them. */
  readonly protocol: Protocol | undefined;
  readonly target: Target;
  /** None: all of them, and pings, which have no port. */
  readonly ports: readonly PortRange[];
}

export interface Rule extends Matcher {
  readonly action: Action;
  /** As it was written. */
  readonly text: string;
  /** Where: an option, or a place in a file. */
  readonly origin: string;
  /** A file's rules may be meant for many runs. */
  readonly isOfFile: boolean;
  /** The dialer's name, where it is not the usual one. */
  readonly via: string | undefined;
}

const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_HOST_NAME = 253;
const MAX_PORT = 65_535;
/** RFC 1123, as Kubernetes has it for namespaces; of what is picked, a name may have dots. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const SERVICE = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** What ends a host in a URL, or is no part of one: domainToASCII would pass it over, with all that follows. */
const NO_HOST_CHARACTER = /[\s/?#\\:@%]/;
const SERVICE_KINDS = new Set(['svc', 'service', 'services']);
const NAMESPACE_KINDS = new Set(['ns', 'namespace', 'namespaces']);
export const DIALER_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Why a text is no rule: a fragment that follows it. */
export class RuleSyntaxError extends Error {}

/** Throws `RULE_INVALID`. @param option `--allow` or `--deny` */
export function parseRuleOption(action: Action, text: string, option: string): Rule {
  try {
    return { action, text, origin: option, isOfFile: false, ...parseRuleText(text) };
  } catch (error) {
    if (!(error instanceof RuleSyntaxError)) throw error;
    throw new UsageError(
      'RULE_INVALID',
      `${option} ${text}: ${error.message}`,
      'write [tcp:|udp:|icmp:]TARGET[:PORTS][@DIALER], with a target such as 10.0.0.0/8, [2001:db8::1], example.com, *.example.com, svc/web or *',
    );
  }
}

/** @throws RuleSyntaxError */
export function parseRuleText(text: string): Matcher & Pick<Rule, 'via'> {
  const [, prefix, rest = ''] = /^(?:(tcp|udp|icmp):)?(.*)$/is.exec(text) ?? [];
  const [path, last] = splitPath(rest);
  const at = last.lastIndexOf('@');
  const via = at < 0 ? undefined : parseDialerName(last.slice(at + 1));
  const [host, portText] = splitPorts(at < 0 ? last : last.slice(0, at));
  const protocol = prefix === undefined ? undefined : parseProtocol(prefix);
  const ports = portText === undefined ? [] : parsePorts(portText);
  if (protocol === 'icmp' && ports.length > 0) throw new RuleSyntaxError('a ping has no port');
  return { protocol, target: parseTarget(`${path}${host}`), ports, via };
}

export function parseDialerName(text: string): string {
  if (DIALER_NAME.test(text)) return text;
  throw new RuleSyntaxError(`"${text}" can't be the name of a dialer`);
}

export function parseProtocol(text: string): Protocol {
  const protocol = text.toLowerCase();
  if (protocol === 'tcp' || protocol === 'udp' || protocol === 'icmp') return protocol;
  throw new RuleSyntaxError(`"${text}" is none of tcp, udp and icmp`);
}

/** Of a Service or a namespace, what stands before its name: contexts may have colons (ARNs of EKS) and @ (kubeadm's). */
function splitPath(text: string): [path: string, last: string] {
  const slash = text.lastIndexOf('/');
  const kind = text.slice(0, Math.max(slash, 0)).split('/').at(-1) ?? '';
  return isClusterKind(kind) ? [text.slice(0, slash + 1), text.slice(slash + 1)] : ['', text];
}

function isClusterKind(text: string): boolean {
  const kind = text.toLowerCase();
  return SERVICE_KINDS.has(kind) || NAMESPACE_KINDS.has(kind);
}

/** An IPv6 address is in brackets where ports follow. */
function splitPorts(text: string): [host: string, ports: string | undefined] {
  const bracketed = /^\[([^\]]*)\](\/\d+)?(?::(.*))?$/s.exec(text);
  if (bracketed !== null) {
    const [, address = '', prefix = '', ports] = bracketed;
    if (isIP(address) !== 6) throw new RuleSyntaxError(`"${address}" is no IPv6 address`);
    return [`${address}${prefix}`, ports];
  }
  const colon = text.indexOf(':');
  if (colon < 0 || text.includes(':', colon + 1)) return [text, undefined];
  return [text.slice(0, colon), text.slice(colon + 1)];
}

/** `80`, `80,443`, `8000-8100`, or `*`. */
export function parsePorts(text: string): PortRange[] {
  if (text === '*') return [];
  return text.split(',').map((part) => {
    const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? [];
    const range = { first: Number(first), last: Number(last) };
    if (first === '' || range.first < 1 || range.last > MAX_PORT || range.first > range.last)
      throw new RuleSyntaxError(`"${part}" is no port and no range of ports`);
    return range;
  });
}

function parseTarget(text: string): Target {
  if (text === '*') return { kind: 'any' };
  const service = parseService(text);
  if (service !== undefined) return service;
  const range = parseAddressRange(text);
  if (range === 'prefix') throw new RuleSyntaxError(`"${text}" has no such prefix length`);
  if (typeof range !== 'string') {
    if ('hostBits' in range) throw new RuleSyntaxError(`the range is ${range.hostBits}`);
    return { kind: 'range', range };
  }
  return text.startsWith('*.')
    ? { kind: 'below', name: parseName(text.slice(2)) }
    : { kind: 'name', name: parseName(text) };
}

/** Contexts may have slashes in their names: what is left over in front is the context. */
function parseService(text: string): Target | undefined {
  const parts = text.split('/');
  const name = parts.pop() ?? '';
  const kind = parts.pop() ?? '';
  if (!isClusterKind(kind)) return undefined;
  const isService = SERVICE_KINDS.has(kind.toLowerCase());
  if (name === '' || parts.includes('')) throw new RuleSyntaxError('a name is missing');
  const wanted = name === '*' ? undefined : name.toLowerCase();
  const namespace = isService ? parts.pop()?.toLowerCase() : wanted;
  if (isService && wanted !== undefined && !SERVICE.test(wanted))
    throw new RuleSyntaxError(`"${name}" can't be the name of a Service`);
  if (namespace !== undefined && !NAMESPACE.test(namespace))
    throw new RuleSyntaxError(`"${namespace}" can't be the name of a namespace`);
  const context = parts.length === 0 ? undefined : parts.join('/');
  return { kind: 'service', context, namespace, name: isService ? wanted : undefined };
}

/** In the form that DNS has it: lower case, Punycode, no final dot. @throws RuleSyntaxError */
export function parseName(text: string): string {
  const name = domainToASCII(text).toLowerCase().replace(/\.$/, '');
  // As it was written: in Punycode 127.1 is 127.0.0.1.
  const isNone = NO_HOST_CHARACTER.test(text) || isNumeric(text.toLowerCase().replace(/\.$/, ''));
  if (isNone || !isHostName(name)) throw new RuleSyntaxError(`"${text}" is no address and no host name`);
  return name;
}

/** What ends in a number is meant as an address by somebody: 127.1, 0x7f.0.0.1, 2130706433. */
function isNumeric(name: string): boolean {
  return /^(?:\d+|0x[0-9a-f]*)$/.test(name.slice(name.lastIndexOf('.') + 1));
}

/** Of a name in the form that DNS has it, which may have any bytes in its labels. */
export function isHostName(name: string): boolean {
  return (
    !isNumeric(name) &&
    name.length <= MAX_HOST_NAME &&
    name.split('.').every((label) => HOST_LABEL.test(label))
  );
}
