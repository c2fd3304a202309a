/**
 * What the user says of the rest of the network, from the command line and from
 * a policy file, as one. What the command line says goes before the file.
 */

import { type Dialer, DIRECT, parseProxy, type ProxyEndpoint } from '../../egress/index.ts';
import { UsageError } from '../../errors.ts';
import {
  type Action,
  loadPolicyFile,
  type PolicyFile,
  type PolicySettings,
  type Rule,
} from '../../policy/index.ts';

/** As it was given. */
export interface EgressChoice {
  readonly egress?: Action;
  /** Where nothing is said here, nor by the policy file: the environment's. */
  readonly usualEgress?: Action;
  /** Of --allow and --deny, in their order. */
  readonly rules: readonly Rule[];
  readonly policyFile?: string;
  readonly proxies: readonly ProxyChoice[];
  /** Of a program that embeds this one; each is taken in place of any other of its name. */
  readonly dialers?: readonly Dialer[];
  readonly dryRun: boolean;
}

export interface ProxyChoice {
  /** By which rules name it; the one without a name is for all flows whose rule names none. */
  readonly name: string | undefined;
  readonly proxy: ProxyEndpoint;
}

export interface EgressSettings {
  readonly policy: PolicySettings;
  /** By the names that rules have for them. */
  readonly proxies: ReadonlyMap<string, ProxyEndpoint>;
  readonly dialers: readonly Dialer[];
}

/** What --egress-proxy is called where it was given no name. */
const USUAL_PROXY = 'egress-proxy';
const NAMED_PROXY = /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)=(.*)$/s;

/** `URL` or `NAME=URL`. Throws `EGRESS_PROXY_INVALID`. */
export function parseProxyChoice(text: string): ProxyChoice {
  const [, name, url = text] = NAMED_PROXY.exec(text) ?? [];
  if (name === DIRECT)
    throw new UsageError(
      'EGRESS_PROXY_INVALID',
      `--egress-proxy: "${DIRECT}" is the way without a proxy`,
      'give the proxy another name',
    );
  return { name, proxy: parseProxy(url, '--egress-proxy') };
}

/** Throws `POLICY_INVALID` and `RULE_INVALID`. */
export async function readEgressSettings(choice: EgressChoice): Promise<EgressSettings> {
  const { policyFile, rules, dialers = [], dryRun } = choice;
  const given = new Map(choice.proxies.map(({ name = USUAL_PROXY, proxy }) => [name, proxy]));
  const others = [...given.keys(), ...dialers.map(({ name }) => name)];
  const file: PolicyFile =
    policyFile === undefined ? { proxies: new Map(), rules: [] } : await loadPolicyFile(policyFile, others);
  const proxies = new Map([...file.proxies, ...given]);
  const hasUsual = choice.proxies.some(({ name }) => name === undefined);
  const all = [...rules, ...file.rules];
  const known = [...new Set([DIRECT, ...file.proxies.keys(), ...others])];
  for (const rule of all) checkDialer(rule, known);
  return {
    policy: {
      egress: choice.egress ?? file.egress ?? choice.usualEgress ?? 'allow',
      rules: all,
      via: hasUsual ? USUAL_PROXY : (file.via ?? DIRECT),
      dryRun,
    },
    proxies,
    dialers,
  };
}

function checkDialer({ via, target, text, origin }: Rule, known: readonly string[]): void {
  if (via === undefined) return;
  if (target.kind === 'service')
    throw new UsageError(
      'RULE_INVALID',
      `${origin} ${text}: a Service is reached through its cluster`,
      `leave out @${via}`,
    );
  if (known.includes(via)) return;
  throw new UsageError(
    'RULE_INVALID',
    `${origin} ${text}: there is no proxy "${via}"`,
    `name one of ${known.join(', ')}, or add it: --egress-proxy ${via}=socks5://HOST:PORT`,
  );
}
