/**
 * Where a flow may go: the one place that decides it.
 *
 * 1. What is protected (protection.ts) is denied, unless a rule opens just that.
 * 2. The first rule that is about the flow decides.
 * 3. Where there is none, the default does: `--egress allow` or `--egress deny`.
 *
 * Rules count in the order in which they are written, the command line's before
 * those of the file. Services are decided by rules about Services alone, and are
 * allowed where there is none: they are what the sandbox is for.
 *
 * A name is asked for where some flow to it could be allowed: a question is a
 * message too, to whoever answers for the name.
 *
 * A dry run lets pass what a rule or the default would deny, and says so; what is
 * protected stays so.
 */

import { DIRECT } from '../egress/dialer.ts';
import { policyAddress } from './address.ts';
import type { Decision, Flow, Judgement, NameDecision } from './decision.ts';
import { explain, type Explanation } from './explain.ts';
import { RuleIndex, type Subject } from './match.ts';
import type { HostRange } from './host-addresses.ts';
import { countsFor, Protections, remedyOf } from './protection.ts';
import { type Action, isHostName, type Rule } from './rule.ts';

export interface PolicySettings {
  /** What becomes of a flow that no rule is about. */
  readonly egress: Action;
  readonly rules: readonly Rule[];
  /** The dialer that is taken where a rule names none. */
  readonly via: string;
  readonly dryRun: boolean;
}

export const DEFAULT_SETTINGS: PolicySettings = { egress: 'allow', rules: [], via: DIRECT, dryRun: false };

export class Policy {
  readonly settings: PolicySettings;
  readonly #index: RuleIndex;
  readonly #protections: Protections;
  /** An address is denied by some rule: then a name, which a proxy resolves itself, could lead there. */
  readonly #deniesAddresses: boolean;

  constructor(settings: Partial<PolicySettings> = {}, hostRanges?: () => readonly HostRange[]) {
    this.settings = { ...DEFAULT_SETTINGS, ...settings };
    const { rules } = this.settings;
    this.#index = new RuleIndex(rules);
    this.#protections = new Protections(hostRanges);
    this.#deniesAddresses = rules.some(({ action, target }) => action === 'deny' && target.kind === 'range');
  }

  decide(flow: Flow): Decision {
    return this.judge(flow).decision;
  }

  /** The rules that were looked at, and what has decided. */
  explain(flow: Flow): Explanation {
    return explain(flow, this.settings.rules, this.judge(flow));
  }

  /** Whether the host's resolvers may be asked for a name. */
  decideName(name: string): NameDecision {
    const rule = this.#index.firstForName(canonicalName(name));
    return this.#verdict(this.settings.egress, rule);
  }

  judge(flow: Flow): Judgement {
    const address = policyAddress(flow.address);
    if (address === undefined) {
      const decision = this.#decision(flow.address, 'deny', 'protected: no address', undefined);
      return { decision, subject: undefined, protection: undefined, rule: undefined };
    }
    const { protocol, port, service } = flow;
    const names = flow.names.map((name) => canonicalName(name));
    const subject: Subject = { protocol, port, address, names, service };
    const protection = service === undefined ? this.#protections.of(address) : undefined;
    if (protection !== undefined) {
      const rule = this.#index.first(subject, (one) => countsFor(one, protection));
      if (rule === undefined) {
        const denied = this.#decision(address.text, 'deny', `protected: ${protection.label}`, undefined);
        const remedy = remedyOf(subject, protection);
        const decision = remedy === undefined ? denied : { ...denied, remedy };
        return { decision, subject, protection, rule };
      }
      const decision = this.#decision(address.text, rule.action, rule.text, rule);
      return { decision, subject, protection, rule };
    }
    const rule = this.#index.first(subject);
    const { verdict, rule: what } = this.#verdict(
      service === undefined ? this.settings.egress : 'allow',
      rule,
    );
    if (service !== undefined) {
      const decision = { verdict, rule: what, via: 'cluster', address: address.text };
      return { decision, subject, protection, rule };
    }
    const decision = this.#decision(address.text, verdict, what, rule);
    const name = this.#nameFor(subject, rule);
    return { decision: name === undefined ? decision : { ...decision, name }, subject, protection, rule };
  }

  #verdict(byDefault: Action, rule: Rule | undefined): NameDecision {
    const action = rule?.action ?? byDefault;
    return {
      verdict: action === 'deny' && this.settings.dryRun ? 'audit-would-deny' : action,
      rule: rule?.text ?? `default: ${byDefault}`,
    };
  }

  #decision(address: string, verdict: Decision['verdict'], text: string, rule: Rule | undefined): Decision {
    return { verdict, rule: text, via: rule?.via ?? this.settings.via, address };
  }

  /**
   * What a proxy resolves is decided by the proxy. So it gets the name that has
   * decided, and after a rule about addresses none; elsewhere the latest one, if
   * no rule denies addresses. A name that is none of a host is no proxy's to see:
   * it may be an address, or a line of HTTP.
   */
  #nameFor({ names }: Subject, rule: Rule | undefined): string | undefined {
    switch (rule?.target.kind) {
      case 'name':
        return rule.target.name;
      case 'below': {
        const end = `.${rule.target.name}`;
        return names.find((name) => name.endsWith(end) && isHostName(name));
      }
      case 'range':
      case 'service':
        return undefined;
      case 'any':
      case undefined:
        return this.#deniesAddresses ? undefined : names.find((name) => isHostName(name));
    }
  }
}

/** As rules have it: in lower case, without a final dot. */
function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
