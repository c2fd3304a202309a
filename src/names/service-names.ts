/**
 * The names of Services and of their pods, as a pod of the cluster knows them.
 *
 * A Service has `svc`, `svc.ns`, `svc.ns.svc` and `svc.ns.svc.<cluster domain>`:
 * the search list of a pod's resolv.conf, spelled out. A pod of a headless
 * Service has the same with its own label in front: `db-0.db`, `db-0.db.ns` and
 * so on. With several contexts each has, besides these, names that end with its
 * own label: `web.shop.prod`, `web.shop.svc.prod`, and the whole one.
 */

import { UsageError } from '../errors.ts';
import { toDashed } from './dns/dashed.ts';
import { canonicalName, isLabel } from './name-table.ts';

/** The domain of Kubernetes clusters where nobody has changed it. */
export const CLUSTER_DOMAIN = 'cluster.local';

/** Labels of a domain as Kubernetes has them (RFC 1123, 2.1). */
const DOMAIN_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Names below it still have to fit into 253 characters, with two labels and `svc` in front. */
const LONGEST_DOMAIN = 120;

/** @returns it in lower case and without a final dot. Throws `CLUSTER_DOMAIN_INVALID`. */
export function parseClusterDomain(text: string): string {
  const domain = canonicalName(text);
  const labels = domain.split('.');
  if (domain.length <= LONGEST_DOMAIN && labels.every((label) => isLabel(label) && DOMAIN_LABEL.test(label)))
    return domain;
  throw new UsageError(
    'CLUSTER_DOMAIN_INVALID',
    `"${text}" can't be the domain of a cluster`,
    `see what a pod has in its search list: kubectl exec POD -- cat /etc/resolv.conf; mostly it is ${CLUSTER_DOMAIN}`,
  );
}

/** How the names of one context end. */
export interface Naming {
  readonly domain: string;
  /** The context's label, where there are several contexts. */
  readonly contextLabel?: string;
}

export interface ServiceNames {
  /** Shortest first. */
  readonly names: readonly string[];
  /** The whole one: what a PTR or an SRV record says. */
  readonly canonical: string;
}

/** @param podLabel where one pod of the Service is meant */
export function serviceNames(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { domain, contextLabel }: Naming,
  podLabel?: string,
): ServiceNames {
  const host = podLabel === undefined ? name : `${podLabel}.${name}`;
  const qualified = [
    `${host}.${namespace}`,
    `${host}.${namespace}.svc`,
    `${host}.${namespace}.svc.${domain}`,
  ];
  const ofContext = contextLabel === undefined ? [] : qualified.map((one) => `${one}.${contextLabel}`);
  return { names: [host, ...qualified, ...ofContext], canonical: ofContext.at(-1) ?? qualified[2] };
}

/** Which Services a name below `svc` leads to. */
export interface NamedServices {
  readonly namespace: string;
  /** undefined: all of the namespace. */
  readonly name: string | undefined;
}

/**
 * Read backwards, whether there is such a Service or not: `web.shop.svc`, `db-0.db.shop.svc.cluster.local`; of
 * `shop.svc` all of the namespace. undefined where the name does not end like those of a Service do.
 */
export function servicesNamed(
  canonicalName: string,
  { domain, contextLabel }: Naming,
): NamedServices | undefined {
  const context = contextLabel === undefined ? '' : `.${contextLabel}`;
  const end = [`.svc.${domain}${context}`, `.svc${context}`].find((one) => canonicalName.endsWith(one));
  if (end === undefined) return undefined;
  const [namespace, name, , ...rest] = canonicalName.slice(0, -end.length).split('.').toReversed();
  return rest.length > 0 ? undefined : { namespace, name };
}

/**
 * What a pod is called under its headless Service: its label where that can be
 * one, and each of its addresses with dashes, which is what cluster DNS gives
 * to pods without a host name.
 */
export function podLabels(label: string, addresses: readonly string[]): string[] {
  const dashed = addresses.map(toDashed);
  return isLabel(label) ? [label, ...dashed] : dashed;
}

/** Below which a namespace's pods have names that spell their addresses. */
export function podDomains(namespace: string, { domain, contextLabel }: Naming): string[] {
  const whole = `${namespace}.pod.${domain}`;
  return contextLabel === undefined ? [whole] : [whole, `${whole}.${contextLabel}`];
}
