/** A decision with its reasons, rule by rule, for `policy explain`. */

import { isWithin } from './address.ts';
import type { Decision, Flow, Judgement } from './decision.ts';
import { isPortOf, isServiceOf, type Subject } from './match.ts';
import { countsFor } from './protection.ts';
import type { Rule } from './rule.ts';

export interface ExplainedRule {
  readonly action: Rule['action'];
  readonly rule: string;
  readonly origin: string;
  /** Why it does not decide; `undefined` of the one that does. */
  readonly passedOver: string | undefined;
}

export interface Explanation {
  readonly flow: Flow;
  readonly decision: Decision;
  /** What the address is, where it is protected. */
  readonly protected: string | undefined;
  /** What opens it, where it is protected and no rule decides. */
  readonly remedy: string | undefined;
  /** In their order, up to the one that decides. */
  readonly rules: readonly ExplainedRule[];
}

export function explain(flow: Flow, rules: readonly Rule[], judgement: Judgement): Explanation {
  const { decision, subject, protection, rule: decisive } = judgement;
  const looked = decisive === undefined ? rules : rules.slice(0, rules.indexOf(decisive) + 1);
  return {
    flow,
    decision,
    protected: protection?.label,
    remedy: decision.remedy,
    rules: looked.map((rule) => ({
      action: rule.action,
      rule: rule.text,
      origin: rule.origin,
      passedOver:
        rule === decisive
          ? undefined
          : subject === undefined
            ? 'there is no such address'
            : (mismatch(rule, subject) ??
              (protection !== undefined && !countsFor(rule, protection)
                ? `does not open what is protected: ${protection.label}`
                : 'decided already')),
    })),
  };
}

/** What of a rule is not so of the flow; undefined where it is about it. */
export function mismatch(
  rule: Rule,
  { protocol, port, address, names, service }: Subject,
): string | undefined {
  if (rule.protocol !== undefined && rule.protocol !== protocol) return 'another protocol';
  if (!isPortOf(rule, protocol, port)) return protocol === 'icmp' ? 'a ping has no port' : 'another port';
  const { target } = rule;
  if ((target.kind === 'service') !== (service !== undefined))
    return service === undefined ? 'not a Service' : 'it is a Service';
  switch (target.kind) {
    case 'any':
      return undefined;
    case 'range':
      return isWithin(address, target.range) ||
        (address.inner !== undefined && isWithin(address.inner, target.range))
        ? undefined
        : 'another address';
    case 'name':
      return names.includes(target.name) ? undefined : nameMismatch(names);
    case 'below':
      return names.some((name) => name.endsWith(`.${target.name}`)) ? undefined : nameMismatch(names);
    case 'service':
      return service !== undefined && isServiceOf(target, service) ? undefined : 'another Service';
  }
}

function nameMismatch(names: readonly string[]): string {
  return names.length === 0 ? 'no name is known for the address' : 'another name';
}

/** For people: a line for each rule, and the last for the decision. */
export function explanationText({ flow, decision, protected: closed, remedy, rules }: Explanation): string {
  const { protocol, port, names, service } = flow;
  const address = decision.address.includes(':') ? `[${decision.address}]` : decision.address;
  const host =
    service === undefined ? address : `${service.context}/${service.namespace}/svc/${service.name}`;
  const known = names.length === 0 ? '' : ` (${names.join(', ')})`;
  const what = `${protocol} ${host}${protocol === 'icmp' ? '' : `:${port}`}${known}`;
  const lines = rules.map(
    ({ action, rule, origin, passedOver }) =>
      `  ${passedOver === undefined ? '*' : '-'} ${action} ${rule} (${origin}): ${passedOver ?? 'decides'}`,
  );
  const verdict =
    decision.verdict === 'audit-would-deny' ? 'allowed by the dry run, else denied' : decision.verdict;
  return [
    what,
    ...(closed === undefined ? [] : [`  protected: ${closed}`]),
    ...lines,
    `${verdict}, by ${decision.rule}${decision.verdict === 'deny' ? '' : `, via ${decision.via}`}`,
    ...(remedy === undefined ? [] : [`  ${remedy}`]),
    '',
  ].join('\n');
}
