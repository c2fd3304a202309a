/**
 * A policy file:
 *
 *     egress: deny
 *     via: office
 *     proxies:
 *       office: socks5://proxy.example:1080
 *     rules:
 *       - allow: "*.example.com:443"
 *       - deny: [10.0.0.0/8, 192.168.0.0/16]
 *       - allow: db.example
 *         protocol: tcp
 *         ports: [5432, 6000-6010]
 *         via: direct
 *
 * Everything that is wrong has its line and column, and nothing that is not
 * understood is passed over: a rule with a misspelt key would be another rule.
 */

import { isIPv6 } from 'node:net';
import { LineCounter, isMap, isScalar, isSeq, type Node, parseDocument, type YAMLMap } from 'yaml';
import { DIRECT } from '../egress/dialer.ts';
import { UsageError } from '../errors.ts';
import { parseProxy, type ProxyEndpoint } from '../egress/proxy/url.ts';
import {
  type Action,
  parseDialerName,
  parsePorts,
  parseProtocol,
  parseRuleText,
  type PortRange,
  type Rule,
  RuleSyntaxError,
} from './rule.ts';

export interface PolicyFile {
  readonly egress?: Action;
  /** The dialer of rules that name none. */
  readonly via?: string;
  /** By the names that rules have for them. */
  readonly proxies: ReadonlyMap<string, ProxyEndpoint>;
  readonly rules: readonly Rule[];
}

const KEYS = ['egress', 'via', 'proxies', 'rules'];
const RULE_KEYS = ['allow', 'deny', 'protocol', 'ports', 'via', 'comment'];

/** Throws `POLICY_INVALID`. @param file for messages. @param dialers that rules may name besides the file's own proxies */
export function parsePolicyFile(text: string, file: string, dialers: readonly string[] = []): PolicyFile {
  return new Reader(text, file).read([DIRECT, ...dialers]);
}

class Reader {
  readonly #text: string;
  readonly #file: string;
  readonly #lines = new LineCounter();

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  read(known: readonly string[]): PolicyFile {
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      stringKeys: true,
      logLevel: 'silent',
    });
    // A warning is about a tag that means nothing here.
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw this.#invalid(error.pos[0], error.message);
    const root = document.contents;
    if (root === null || (isScalar(root) && root.value === null)) return { proxies: new Map(), rules: [] };
    const map = this.#map(root, '', KEYS);
    const proxies = this.#proxies(this.#child(map, 'proxies'));
    const dialers = new Set([...known, ...proxies.keys()]);
    const egress = this.#child(map, 'egress');
    const via = this.#child(map, 'via');
    return {
      ...(egress && { egress: this.#action(egress) }),
      ...(via && { via: this.#dialer(via, 'via', dialers) }),
      proxies,
      rules: this.#rules(this.#child(map, 'rules'), dialers),
    };
  }

  #action(node: Node): Action {
    const text = this.#scalar(node, 'egress');
    if (text === 'allow' || text === 'deny') return text;
    throw this.#wrong(node, 'egress', `"${text}" is neither allow nor deny`);
  }

  #proxies(node: Node | undefined): Map<string, ProxyEndpoint> {
    const proxies = new Map<string, ProxyEndpoint>();
    if (node === undefined) return proxies;
    for (const { key, value, at } of this.#entries(this.#map(node, 'proxies'))) {
      const path = `proxies.${key}`;
      this.#syntax(at, path, () => parseDialerName(key));
      if (key === DIRECT) throw this.#wrong(at, path, 'this name is taken by the way without a proxy');
      const url = this.#scalar(value, path);
      try {
        proxies.set(key, parseProxy(url, path));
      } catch (error) {
        if (error instanceof UsageError) throw this.#invalid(startOf(value), error.message);
        throw error;
      }
    }
    return proxies;
  }

  #rules(node: Node | undefined, dialers: ReadonlySet<string>): Rule[] {
    if (node === undefined) return [];
    if (!isSeq<Node>(node)) throw this.#wrong(node, 'rules', 'must be a list');
    return node.items.flatMap((item, i) => this.#rule(item, `rules[${i}]`, dialers));
  }

  /** One entry, which may have several targets. */
  #rule(node: Node, path: string, dialers: ReadonlySet<string>): Rule[] {
    const map = this.#map(node, path, RULE_KEYS);
    const [allow, deny] = [this.#child(map, 'allow'), this.#child(map, 'deny')];
    const targets = allow ?? deny;
    if (targets === undefined || (allow !== undefined && deny !== undefined))
      throw this.#wrong(node, path, 'must have one of allow and deny');
    const action = allow === undefined ? 'deny' : 'allow';
    const [protocolNode, portsNode, viaNode] = ['protocol', 'ports', 'via'].map((key) =>
      this.#child(map, key),
    );
    const protocol =
      protocolNode &&
      this.#syntax(protocolNode, `${path}.protocol`, () =>
        parseProtocol(this.#scalar(protocolNode, `${path}.protocol`)),
      );
    const ports = portsNode && this.#ports(portsNode, `${path}.ports`);
    const via = viaNode && this.#dialer(viaNode, `${path}.via`, dialers);
    return this.#list(targets, `${path}.${action}`).map(({ text, node: target }) => {
      const where = `${path}.${action}`;
      const parsed = this.#syntax(target, where, () => parseRuleText(text));
      if (protocol !== undefined && parsed.protocol !== undefined)
        throw this.#wrong(target, where, 'the protocol is given twice');
      if (ports !== undefined && parsed.ports.length > 0)
        throw this.#wrong(target, where, 'the ports are given twice');
      if (via !== undefined && parsed.via !== undefined)
        throw this.#wrong(target, where, 'the dialer is given twice');
      if (parsed.via !== undefined && !dialers.has(parsed.via))
        throw this.#unknownDialer(target, where, parsed.via);
      const own = protocol ?? parsed.protocol;
      if (own === 'icmp' && ports !== undefined && ports.length > 0)
        throw this.#wrong(target, where, 'a ping has no port');
      return {
        action,
        text: ruleText(text, protocol, ports, via),
        origin: `${this.#file}:${this.#place(startOf(target))}`,
        isOfFile: true,
        protocol: own,
        target: parsed.target,
        ports: ports ?? parsed.ports,
        via: via ?? parsed.via,
      };
    });
  }

  #ports(node: Node, path: string): PortRange[] {
    return this.#list(node, path).flatMap(({ text, node: one }) =>
      this.#syntax(one, path, () => parsePorts(text)),
    );
  }

  #dialer(node: Node, path: string, dialers: ReadonlySet<string>): string {
    const name = this.#scalar(node, path);
    if (!dialers.has(name)) throw this.#unknownDialer(node, path, name);
    return name;
  }

  #unknownDialer(node: Node, path: string, name: string): UsageError {
    return this.#wrong(node, path, `there is no proxy "${name}", in this file or by --egress-proxy`);
  }

  /** One scalar, or a list of them. */
  #list(node: Node, path: string): { text: string; node: Node }[] {
    if (!isSeq<Node>(node)) return [{ text: this.#scalar(node, path), node }];
    if (node.items.length === 0) throw this.#wrong(node, path, 'the list is empty');
    return node.items.map((item, i) => ({ text: this.#scalar(item, `${path}[${i}]`), node: item }));
  }

  #scalar(node: Node, path: string): string {
    if (isScalar(node) && (typeof node.value === 'string' || typeof node.value === 'number'))
      // As it was written: 1e3 and 0x50 are no ports, and a time like 22:80 is no number.
      return node.source ?? String(node.value);
    throw this.#wrong(node, path, 'must be a text');
  }

  #map(node: Node, path: string, known?: readonly string[]): YAMLMap {
    if (!isMap(node)) throw this.#wrong(node, path, 'must be a map of keys and values');
    for (const { key, at } of this.#entries(node))
      if (known !== undefined && !known.includes(key))
        throw this.#wrong(at, path, `"${key}" is none of ${known.join(', ')}`);
    return node;
  }

  #entries(map: YAMLMap): { key: string; value: Node; at: Node }[] {
    return map.items.map(({ key, value }) => {
      const at = asNode(key);
      const name = isScalar(key) ? String(key.value) : '';
      if (value === null || (isScalar(value) && value.value === null))
        throw this.#wrong(at, name, 'has no value');
      return { key: name, value: asNode(value), at };
    });
  }

  #child(map: YAMLMap, key: string): Node | undefined {
    return this.#entries(map).find((entry) => entry.key === key)?.value;
  }

  #syntax<T>(node: Node, path: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (error instanceof RuleSyntaxError) throw this.#wrong(node, path, error.message);
      throw error;
    }
  }

  #wrong(node: Node, path: string, why: string): UsageError {
    return this.#invalid(startOf(node), path === '' ? why : `${path}: ${why}`);
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${line}:${col}`;
  }

  #invalid(offset: number, why: string): UsageError {
    return new UsageError(
      'POLICY_INVALID',
      `${this.#file}:${this.#place(offset)}: ${why}`,
      'correct the policy file; docs/policy.md has its format',
    );
  }
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

function asNode(value: unknown): Node {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a parsed document has nodes alone
  return value as Node;
}

/** A rule as it would be written in one line. */
function ruleText(
  text: string,
  protocol: string | undefined,
  ports: readonly PortRange[] | undefined,
  via: string | undefined,
): string {
  const portText = ports?.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join();
  const isBareIpv6 = isIPv6(text.replace(/\/.*$/s, ''));
  const host = portText && isBareIpv6 ? text.replace(/^[^/]+/, '[$&]') : text;
  return `${protocol === undefined ? '' : `${protocol}:`}${host}${portText ? `:${portText}` : ''}${via === undefined ? '' : `@${via}`}`;
}
