/**
 * The first of many rules that is about a flow.
 *
 * Rules are found by what they are about: ranges by prefix length and the bits
 * that it covers, names by themselves and by what they end with. So a flow costs
 * a few look-ups for each length of prefix in use, however many rules there are.
 * Of what is found the first in the order of the rules counts.
 */

import { type IpVersion, maskedWords, type PolicyAddress } from './address.ts';
import type { Matcher, Protocol, Rule, Target } from './rule.ts';

export interface ServiceRef {
  readonly context: string;
  readonly namespace: string;
  readonly name: string;
}

/** What rules look at. */
export interface Subject {
  readonly protocol: Protocol;
  readonly port: number;
  readonly address: PolicyAddress;
  /** In lower case, without a final dot. */
  readonly names: readonly string[];
  /** Where the address is that of a Service; rules about the outside don't count then. */
  readonly service: ServiceRef | undefined;
}

/** Indices of rules by the bits of their range, for one length of prefix. */
interface PrefixTable {
  readonly prefixLength: number;
  readonly rules: Map<string, number[]>;
}

export class RuleIndex {
  readonly #rules: readonly Rule[];
  readonly #any: number[] = [];
  readonly #services: number[] = [];
  readonly #names = new Map<string, number[]>();
  readonly #below = new Map<string, number[]>();
  readonly #prefixes: Readonly<Record<IpVersion, PrefixTable[]>> = { 4: [], 6: [] };
  /** The first rule that allows addresses: any name may turn out to be at one of them. */
  readonly #firstAllowedRange: number;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    for (const [i, { target }] of rules.entries()) this.#listOf(target).push(i);
    const first = rules.findIndex(opensRange);
    this.#firstAllowedRange = first < 0 ? rules.length : first;
  }

  /** @param counts for which rules a match is one at all */
  first(subject: Subject, counts: (rule: Rule) => boolean = () => true): Rule | undefined {
    const isAbout = (rule: Rule): boolean => fits(rule, subject) && counts(rule);
    return this.#firstOf(this.#listsFor(subject), isAbout, this.#rules.length);
  }

  /**
   * The first rule by which a name may be asked for, or may not: one that allows some flow which the name could
   * stand for, or one that denies all of them.
   */
  firstForName(name: string): Rule | undefined {
    return this.#firstOf([this.#any, ...this.#byName(name)], settlesName, this.#firstAllowedRange);
  }

  /** @param best the index to be undercut */
  #firstOf(
    lists: Iterable<readonly number[]>,
    isAbout: (rule: Rule) => boolean,
    best: number,
  ): Rule | undefined {
    for (const list of lists) {
      for (const i of list) {
        if (i >= best) break;
        if (!isAbout(this.#rules[i])) continue;
        best = i;
        break;
      }
    }
    return this.#rules[best];
  }

  #listOf(target: Target): number[] {
    switch (target.kind) {
      case 'any':
        return this.#any;
      case 'service':
        return this.#services;
      case 'name':
        return listIn(this.#names, target.name);
      case 'below':
        return listIn(this.#below, target.name);
      case 'range': {
        const { version, words, prefixLength } = target.range;
        const tables = this.#prefixes[version];
        let table = tables.find((one) => one.prefixLength === prefixLength);
        if (table === undefined) {
          table = { prefixLength, rules: new Map() };
          tables.push(table);
        }
        return listIn(table.rules, words.join());
      }
    }
  }

  *#listsFor({ address, names, service }: Subject): Generator<readonly number[]> {
    if (service !== undefined) {
      yield this.#services;
      return;
    }
    yield this.#any;
    yield* this.#byAddress(address);
    if (address.inner !== undefined) yield* this.#byAddress(address.inner);
    for (const name of names) yield* this.#byName(name);
  }

  *#byName(name: string): Generator<readonly number[]> {
    yield this.#names.get(name) ?? [];
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
      yield this.#below.get(name.slice(dot + 1)) ?? [];
  }

  *#byAddress({ version, words }: PolicyAddress): Generator<readonly number[]> {
    for (const { prefixLength, rules } of this.#prefixes[version])
      yield rules.get(maskedWords(words, prefixLength).join()) ?? [];
  }
}

function opensRange({ action, target }: Rule): boolean {
  return action === 'allow' && target.kind === 'range';
}

function settlesName({ action, protocol, ports }: Rule): boolean {
  return action === 'allow' || (protocol === undefined && ports.length === 0);
}

function listIn(map: Map<string, number[]>, key: string): number[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}

/** All but the address and the names, by which the rule was found. */
function fits(rule: Matcher, { protocol, port, service }: Subject): boolean {
  if (rule.protocol !== undefined && rule.protocol !== protocol) return false;
  if (!isPortOf(rule, protocol, port)) return false;
  return rule.target.kind !== 'service' || (service !== undefined && isServiceOf(rule.target, service));
}

export function isPortOf({ ports }: Matcher, protocol: Protocol, port: number): boolean {
  if (ports.length === 0) return true;
  return protocol !== 'icmp' && ports.some(({ first, last }) => port >= first && port <= last);
}

export function isServiceOf(target: Extract<Target, { kind: 'service' }>, service: ServiceRef): boolean {
  return (
    (target.context === undefined || target.context === service.context) &&
    (target.namespace === undefined || target.namespace === service.namespace) &&
    (target.name === undefined || target.name === service.name)
  );
}
