/**
 * What the policy says of one destination, without a sandbox: `policy explain`.
 *
 * A name is looked up as the sandbox would have it looked up, and each of its
 * addresses is decided as if it had just been given out.
 */

import { HostResolvers, UpstreamDns } from '../../egress/index.ts';
import { NOERROR } from '../../names/dns/codes.ts';
import type { Log } from '../../observe/log.ts';
import {
  type Explanation,
  explanationText,
  type Flow,
  type GivenDestination,
  type NameDecision,
  Policy,
  type PolicySettings,
} from '../../policy/index.ts';

/** Where a Service is meant that names neither. */
export interface ServicePlace {
  readonly context: string;
  readonly namespace: string;
}

export interface DestinationReport {
  /** Of a destination that is a name. */
  readonly lookUp?: NameDecision & { readonly name: string; readonly addresses: readonly string[] };
  /** One for each address. */
  readonly flows: readonly Explanation[];
}

export interface ExplanationOptions {
  readonly policy: PolicySettings;
  /** Asked only where a Service is meant. */
  readonly servicePlace: () => Promise<ServicePlace>;
  readonly log: Log;
}

/** A Service's flow has no address here: it is decided by its name. */
const NO_ADDRESS = '0.0.0.0';

export async function explainDestination(
  { host, protocol, port }: GivenDestination,
  { policy: settings, servicePlace, log }: ExplanationOptions,
): Promise<DestinationReport> {
  const policy = new Policy(settings);
  const explain = (flow: Pick<Flow, 'address' | 'names' | 'service'>): Explanation =>
    policy.explain({ protocol, port, ...flow });
  switch (host.kind) {
    case 'address':
      return { flows: [explain({ address: host.address, names: [] })] };
    case 'service': {
      const { context, namespace, name } = host;
      const place = context === undefined || namespace === undefined ? await servicePlace() : undefined;
      const service = {
        context: context ?? place?.context ?? '',
        namespace: namespace ?? place?.namespace ?? '',
        name,
      };
      return { flows: [explain({ address: NO_ADDRESS, names: [], service })] };
    }
    case 'name': {
      const { name } = host;
      const decision = policy.decideName(name);
      const addresses = decision.verdict === 'deny' ? [] : await addressesOf(name, log);
      return {
        lookUp: { name, ...decision, addresses },
        flows: addresses.map((address) => explain({ address, names: [name] })),
      };
    }
  }
}

async function addressesOf(name: string, log: Log): Promise<string[]> {
  const dns = new UpstreamDns({ resolvers: new HostResolvers(), onNamed: () => {}, log });
  const answers = await Promise.all((['A', 'AAAA'] as const).map((type) => dns.resolve({ name, type })));
  return answers
    .filter(({ rcode }) => rcode === NOERROR)
    .flatMap((answer) => answer.answers)
    .flatMap((record) => (record.type === 'A' || record.type === 'AAAA' ? [record.data] : []));
}

/** For people. */
export function reportText({ lookUp, flows }: DestinationReport): string {
  const parts = flows.map((flow) => explanationText(flow));
  if (lookUp !== undefined) {
    const { name, verdict, rule, addresses } = lookUp;
    const asked = verdict === 'deny' ? 'denied' : addresses.length === 0 ? 'no address is found' : 'allowed';
    parts.unshift(`look-up of ${name}: ${asked}, by ${rule}\n`);
  }
  return parts.join('');
}
