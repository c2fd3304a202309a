/**
 * The gate that every flow goes through: decided once, told once, written down.
 *
 * Names are those that the sandbox was told to be at the address. A flow that
 * may not pass has been accounted for when `admit` returns; what remains is to
 * answer that it is prohibited.
 */

import type { FlowMeter } from '../../egress/index.ts';
import type { AuditLog, Denials, NamedAddresses, Policy, Protocol, ServiceRef } from '../../policy/index.ts';

/** Of a flow to a Service that does not come by an address of the sandbox: it is decided by its name. */
export const NO_ADDRESS = '0.0.0.0';

export interface GateOptions {
  readonly policy: Policy;
  readonly names: NamedAddresses;
  readonly denials: Denials;
  readonly audit?: AuditLog;
}

/** A flow that may pass. */
export interface Passage {
  /** The dialer's name. */
  readonly via: string;
  /** The address in its one form. */
  readonly address: string;
  /** The name by which a proxy may be asked for it. */
  readonly name?: string;
  /** To be told how the flow goes on, where somebody wants to know. */
  readonly meter?: FlowMeter;
}

export class Gate {
  readonly #policy: Policy;
  readonly #names: NamedAddresses;
  readonly #denials: Denials;
  readonly #audit: AuditLog | undefined;

  constructor({ policy, names, denials, audit }: GateOptions) {
    this.#policy = policy;
    this.#names = names;
    this.#denials = denials;
    this.#audit = audit;
  }

  /** @param port of a ping, 0. @returns undefined where it is denied */
  admit(protocol: Protocol, address: string, port: number, service?: ServiceRef): Passage | undefined {
    const names = service === undefined ? this.#names.namesOf(address) : [];
    const flow = { protocol, address, port, names, ...(service && { service }) };
    const decision = this.#policy.decide(flow);
    const meter = this.#audit?.begin(flow, decision);
    this.#denials.note(flow, decision);
    if (decision.verdict === 'deny') return undefined;
    const { via, address: canonical, name } = decision;
    return { via, address: canonical, ...(name !== undefined && { name }), ...(meter && { meter }) };
  }

  /** The rule that denies all connections to a port of a Service, if one does; there is no flow yet to be told of. */
  denialOf(port: number, service: ServiceRef): string | undefined {
    const flow = { protocol: 'tcp', address: NO_ADDRESS, port, names: [], service } as const;
    const { verdict, rule } = this.#policy.decide(flow);
    return verdict === 'deny' ? rule : undefined;
  }

  /** Whether a name of outside may be looked up. */
  admitName(name: string): boolean {
    const decision = this.#policy.decideName(name);
    this.#denials.noteName(name, decision);
    if (decision.verdict !== 'allow') this.#audit?.name(name, decision);
    return decision.verdict !== 'deny';
  }
}
