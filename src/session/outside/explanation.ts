/**
 * What the policy says of one destination, without a sandbox: `policy explain`.
 *
 * A name is looked up as the sandbox would have it looked up, and each of its
 * addresses is decided as if it had just been given out. A whole name of a
 * Service is that Service, as it is to the sandbox; the cluster is not asked.
 */

import { HostResolvers, UpstreamDns } from '../../egress/index.ts';
import { NOERROR } from '../../names/dns/codes.ts';
import { type Naming, servicesNamed } from '../../names/service-names.ts';
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
import { NO_ADDRESS } from './gate.ts';

/** Where a Service is meant that names neither. */
export interface ServicePlace {
  readonly context: string;
  readonly namespace: string;
}

export interface ContextNaming extends Naming {
  /** undefined: the one where a Service is meant that names none. */
  readonly context: string | undefined;
}

export interface DestinationReport {
  /** The destination, where it is a name that only a Service can have. */
  readonly serviceName?: string;
  /** Of a destination that is a name. */
  readonly lookUp?: NameDecision & { readonly name: string; readonly addresses: readonly string[] };
  /** One for each address. */
  readonly flows: readonly Explanation[];
}

export interface ExplanationOptions {
  readonly policy: PolicySettings;
  /** How names of Services end, by context; none where several contexts are not told apart. */
  readonly namings: readonly ContextNaming[];
  /** Asked only where a Service is meant. */
  readonly servicePlace: () => Promise<ServicePlace>;
  readonly log: Log;
}

interface GivenService {
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string;
}

export async function explainDestination(
  { host, protocol, port }: GivenDestination,
  { policy: settings, namings, servicePlace, log }: ExplanationOptions,
): Promise<DestinationReport> {
  const policy = new Policy(settings);
  const explain = (flow: Pick<Flow, 'address' | 'names' | 'service'>): Explanation =>
    policy.explain({ protocol, port, ...flow });
  const explainService = async ({ context, namespace, name }: GivenService): Promise<Explanation> => {
    const place = context === undefined || namespace === undefined ? await servicePlace() : undefined;
    const service = {
      context: context ?? place?.context ?? '',
      namespace: namespace ?? place?.namespace ?? '',
      name,
    };
    return explain({ address: NO_ADDRESS, names: [], service });
  };
  switch (host.kind) {
    case 'address':
      return { flows: [explain({ address: host.address, names: [] })] };
    case 'service':
      return { flows: [await explainService(host)] };
    case 'name': {
      const { name } = host;
      for (const { context, ...naming } of namings) {
        const service = servicesNamed(name, naming);
        if (service?.name === undefined) continue;
        const { namespace } = service;
        return {
          serviceName: name,
          flows: [await explainService({ context, namespace, name: service.name })],
        };
      }
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
export function reportText({ serviceName, lookUp, flows }: DestinationReport): string {
  const parts = flows.map((flow) => explanationText(flow));
  if (serviceName !== undefined) parts.unshift(`${serviceName} is the name of a Service\n`);
  if (flows.some(({ flow }) => flow.service !== undefined))
    parts.push('  whether there is such a Service is not looked up\n');
  if (lookUp !== undefined) {
    const { name, verdict, rule, addresses } = lookUp;
    const asked = verdict === 'deny' ? 'denied' : addresses.length === 0 ? 'no address is found' : 'allowed';
    parts.unshift(`look-up of ${name}: ${asked}, by ${rule}\n`);
    if (!name.includes('.'))
      parts.push(`  a Service of this name would go before it: kns-rootless policy explain svc/${name}\n`);
  }
  return parts.join('');
}
