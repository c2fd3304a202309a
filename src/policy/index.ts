/** Where flows may go: rules, the one decision, its reasons, and what is told of it. */

export { type AddressRange, textOf } from './address.ts';
export { type AuditLog, openAudit } from './audit.ts';
export type { Flow, NameDecision } from './decision.ts';
export { Denials } from './denials.ts';
export { type GivenDestination, parseDestination } from './destination.ts';
export { type Explanation, explanationText } from './explain.ts';
export type { PolicyFile } from './file.ts';
export { loadPolicyFile } from './load.ts';
export type { ServiceRef } from './match.ts';
export { NamedAddresses } from './named-addresses.ts';
export { Policy, type PolicySettings } from './policy.ts';
export { type Action, parseRuleOption, type Protocol, type Rule } from './rule.ts';
