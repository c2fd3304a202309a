/** The rest of the network, opened for one session: the gate, the ways out, and the names. */

import { type Dialer, DirectDialer, HostResolvers, proxyDialer, UpstreamDns } from '../../egress/index.ts';
import type { OutsideNames } from '../../names/dns/server.ts';
import type { Log } from '../../observe/log.ts';
import { Denials, NamedAddresses, openAudit, Policy, type Rule } from '../../policy/index.ts';
import { openDatagramSockets, openStreamSockets } from '../../../sandbox/index.ts';
import { Gate } from './gate.ts';
import type { EgressSettings } from './settings.ts';

export interface EgressOptions {
  readonly settings: EgressSettings;
  /** Where each flow is written down. */
  readonly auditFile?: string;
  readonly log: Log;
}

export interface Egress {
  readonly gate: Gate;
  readonly names: OutsideNames;
  /** In their order. */
  readonly rules: readonly Rule[];
  /** By the names that a policy has for them. */
  readonly dialers: ReadonlyMap<string, Dialer>;
  /** Flows that were denied. */
  deniedCount(): number;
  close(): Promise<void>;
}

/** Throws `AUDIT_FAILED`. */
export async function openEgress({ settings, auditFile, log }: EgressOptions): Promise<Egress> {
  const openSocket = await openDatagramSockets();
  const audit = auditFile === undefined ? undefined : await openAudit(auditFile, log);
  const addresses = new NamedAddresses();
  const resolvers = new HostResolvers();
  const denials = new Denials(log, () => resolvers.current().search);
  const policy = new Policy(settings.policy);
  const gate = new Gate({ policy, names: addresses, denials, ...(audit && { audit }) });
  const proxies = [...settings.proxies].map(([name, proxy]) => proxyDialer({ name, proxy, openSocket, log }));
  const dialers = [
    new DirectDialer(openSocket, await openStreamSockets(), log),
    ...proxies,
    ...settings.dialers,
  ];
  return {
    gate,
    names: outsideNames(gate, resolvers, addresses, log),
    rules: settings.policy.rules,
    dialers: new Map(dialers.map((dialer) => [dialer.name, dialer])),
    deniedCount: () => denials.count,
    async close() {
      for (const dialer of dialers) dialer.close?.();
      denials.tellCounts();
      await audit?.close();
    },
  };
}

/** Those that the host's resolvers know, where they may be asked. */
function outsideNames(
  gate: Gate,
  resolvers: HostResolvers,
  addresses: NamedAddresses,
  log: Log,
): OutsideNames {
  const upstream = new UpstreamDns({
    resolvers,
    onNamed: (name, address, ttlS) => addresses.learn(name, address, ttlS),
    log,
  });
  return {
    ask: (query, name, transport) => (gate.admitName(name) ? upstream.ask(query, transport) : undefined),
    resolve: (question) => (gate.admitName(question.name) ? upstream.resolve(question) : undefined),
  };
}
