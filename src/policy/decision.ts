/** What is asked of a policy, and what it says. */

import type { ServiceRef, Subject } from './match.ts';
import type { Protection } from './protection.ts';
import type { Protocol, Rule } from './rule.ts';

export interface Flow {
  readonly protocol: Protocol;
  readonly address: string;
  /** Of a ping, 0. */
  readonly port: number;
  /** What the sandbox was told to be at the address, the latest first; see NamedAddresses. */
  readonly names: readonly string[];
  readonly service?: ServiceRef;
}

/** Of a name that is to be looked up. */
export interface NameDecision {
  readonly verdict: 'allow' | 'deny' | 'audit-would-deny';
  /** What has decided: the rule as it was written, `protected: …` or `default: …`. */
  readonly rule: string;
}

export interface Decision extends NameDecision {
  /** The name of the dialer; of a Service, `cluster`. */
  readonly via: string;
  /** The address in its one form, by which it is dialled. */
  readonly address: string;
  /** What opens it, as it is to be written: where it is denied for being protected, and something does. */
  readonly remedy?: string;
  /** The name by which a proxy may be asked for it. */
  readonly name?: string;
}

/** A decision with what has made it. */
export interface Judgement {
  readonly decision: Decision;
  readonly subject: Subject | undefined;
  readonly protection: Protection | undefined;
  readonly rule: Rule | undefined;
}
