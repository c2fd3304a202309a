/**
 * Where each address of the sandbox leads: the one place that decides it.
 *
 *     what was given out here ── a Service, a pod of a headless one, an endpoint, or what has gone
 *     the gateway             ── DNS
 *     a ClusterIP, a pod's IP ── of what is selected: as in the cluster
 *     anything else           ── nobody
 *
 * It follows its clusters: what they say has changed is published anew, and
 * nothing else is looked at. What goes leaves its names to the next who wants
 * them, and its addresses to nobody: connections to them are refused, until it
 * comes back under the same name, to the same addresses.
 *
 * Names that two want: a context goes before later ones, in it a Service before
 * a pod (`db.shop` is the Service db in shop, and only then a pod db of a
 * Service shop), and of two alike the one in the namespace that was asked for
 * first. What the user has named themselves goes before all.
 */

import { isIP } from 'node:net';
import { type Cluster, keyOf, type ServiceId, type ServiceRecord } from '../../cluster/index.ts';
import { actionLine } from '../../errors.ts';
import type { AddressPlan } from '../../names/address-plan.ts';
import { type Knowledge, serverName } from '../../names/dns/resolver.ts';
import { NameTable } from '../../names/name-table.ts';
import type { Naming } from '../../names/service-names.ts';
import type { Log } from '../../observe/log.ts';
import { type Destination, type Dialer, type Endpoint, labelOf } from './destination.ts';
import { Literals } from './literals.ts';
import { addressesWanted, type Alias, publish, type Publication, type Publisher } from './publication.ts';
import { SlicedWork } from './sliced-work.ts';

/** What is looked at of a cluster. */
export type ClusterView = Dialer & Pick<Cluster, 'services' | 'find' | 'podsOf' | 'owner' | 'onChange'>;

/** A context of the sandbox; the first one has the bare names. */
export interface DirectoryContext {
  /** Of the kubeconfig. */
  readonly name: string;
  /** What tells its addresses from those of the others; the same from run to run. */
  readonly key: string;
  /** The last label of its names, where there are several contexts. */
  readonly label: string;
  /** In the order in which they have the bare names; any other namespace comes after them. */
  readonly namespaces: readonly string[];
  readonly cluster: ClusterView;
}

export interface DirectoryOptions {
  readonly plan: AddressPlan;
  readonly contexts: readonly DirectoryContext[];
  /** The domain of the clusters: `cluster.local`. */
  readonly domain: string;
  readonly log: Log;
  /** Somebody uses it already: what has no room in the ranges is told, and no error. */
  readonly isRunning?: boolean;
}

/** A Service of a context, and maybe one pod of it. */
export interface AliasTarget extends ServiceId {
  readonly context: DirectoryContext;
  readonly podLabel?: string;
}

/** Names get addresses of the plan. Literal addresses are somebody's own; each leads to one endpoint alone. */
export interface EndpointPlace {
  readonly names: readonly string[];
  readonly literals: readonly string[];
}

const GATEWAY: Destination = { kind: 'gateway' };
const UNASSIGNED: Destination = { kind: 'unassigned' };
const OUTSIDE: Destination = { kind: 'outside' };

/** Ranks of names, the lowest first: see the head of this file. */
const RANK_OF_USER = -1;
const NAMESPACE_RANKS = 1 << 20;

/** A context with what it has published, by namespace and name. */
interface Source extends Publisher {
  readonly cluster: ClusterView;
  readonly published: Map<string, Publication>;
  readonly aliases: Map<string, Alias[]>;
}

export class Directory implements Knowledge {
  readonly names = new NameTable();
  readonly zones: readonly string[];
  /** Told after names have come, gone, or got other addresses. */
  onNamesChanged: (() => void) | undefined;
  /** Told which Services of a context have changed, come or gone, or have other pods than before. */
  onServicesChanged: ((context: string, changed: readonly ServiceId[]) => void) | undefined;
  readonly #options: DirectoryOptions;
  readonly #sources: readonly Source[];
  readonly #literals: Literals;
  readonly #destinations = new Map<string, Destination>();
  #fullTold = false;

  /** Publishes what the clusters have now, and follows them from then on. Throws `CIDR_FULL` where nobody uses it yet. */
  constructor(options: DirectoryOptions) {
    const { plan, contexts, domain, isRunning = false } = options;
    this.#options = options;
    this.#sources = contexts.map((context, i) => this.#source(context, i));
    this.#literals = new Literals(this.#sources);
    const suffixes = contexts.length > 1 ? ['', ...contexts.map(({ label }) => `.${label}`)] : [''];
    this.zones = suffixes.flatMap((suffix) => [`${domain}${suffix}`, `svc${suffix}`]);
    const wanted = contexts
      .flatMap(({ cluster }) => cluster.services.map((service) => addressesWanted(service, cluster)))
      .reduce((sum, count) => sum + count, 0);
    if (wanted > plan.capacity && !isRunning) throw plan.full(wanted);
    this.#publishGateway();
    for (const source of this.#sources) {
      for (const service of source.cluster.services) {
        this.#publish(source, service);
        this.#tellOfSctp(service);
      }
      this.#follow(source);
    }
  }

  route(address: string): Destination {
    const { plan } = this.#options;
    return (
      this.#destinations.get(address) ??
      this.#literals.route(address) ??
      (plan.contains(address) ? UNASSIGNED : OUTSIDE)
    );
  }

  nameOf(address: string): string | undefined {
    const destination = this.route(address);
    switch (destination.kind) {
      case 'service':
        return destination.canonical;
      case 'gateway':
        return serverName(this.#options.domain);
      case 'endpoint':
        return isIP(destination.endpoint.name) === 0 ? destination.endpoint.name : undefined;
      case 'gone':
      case 'unassigned':
      case 'outside':
        return undefined;
    }
  }

  addressSpelledBy(canonicalName: string): string | undefined {
    return this.#literals.addressSpelledBy(canonicalName);
  }

  owns(address: string): boolean {
    return this.#options.plan.contains(address);
  }

  /** Gives a Service one more name, also where it comes only later. */
  addAlias(name: string, target: AliasTarget): void {
    const source = this.#sources[this.#options.contexts.indexOf(target.context)];
    const id = keyOf(target);
    const { podLabel } = target;
    const alias = podLabel === undefined ? { name } : { name, podLabel };
    source.aliases.set(id, [...(source.aliases.get(id) ?? []), alias]);
    this.#update(source, target);
    this.onNamesChanged?.();
  }

  /** Has names and addresses lead to something that is no Service. Throws `CIDR_FULL`, as the constructor does. */
  addEndpoint(endpoint: Endpoint, { names, literals }: EndpointPlace): void {
    const { plan, isRunning = false } = this.#options;
    const key = `endpoint/${endpoint.name}`;
    if (names.length > 0 && !isRunning && plan.assign(key) === undefined) throw plan.full(plan.capacity + 1);
    const addresses = names.length === 0 ? [] : this.#assign(key);
    for (const address of [...addresses, ...literals])
      this.#destinations.set(address, { kind: 'endpoint', endpoint });
    const record = { addresses, ports: [], targets: [], inHosts: true };
    for (const name of names) this.names.claim(name, RANK_OF_USER, record);
    this.onNamesChanged?.();
  }

  #source({ name, key, label, namespaces, cluster }: DirectoryContext, index: number): Source {
    const { contexts, domain } = this.#options;
    const naming: Naming = contexts.length > 1 ? { domain, contextLabel: label } : { domain };
    return {
      context: name,
      key,
      naming,
      cluster,
      published: new Map(),
      aliases: new Map(),
      assign: (of) => this.#assign(of),
      rank: (namespace, of) => {
        if (of === 'alias') return RANK_OF_USER;
        const listed = namespaces.indexOf(namespace);
        const last = NAMESPACE_RANKS - 1;
        return (index * 2 + (of === 'pod' ? 1 : 0)) * NAMESPACE_RANKS + (listed < 0 ? last : listed);
      },
    };
  }

  /** A list may bring thousands of changes at once. */
  #follow(source: Source): void {
    const work = new SlicedWork<ServiceId>(
      (id) => this.#update(source, id),
      () => this.onNamesChanged?.(),
    );
    source.cluster.onChange = (changed) => {
      this.onServicesChanged?.(source.context, changed);
      work.add(changed.filter((id) => !this.#isPublished(source, id)));
    };
  }

  #publishGateway(): void {
    const { plan, domain } = this.#options;
    for (const address of plan.gateway) this.#destinations.set(address, GATEWAY);
    const record = { addresses: plan.gateway, ports: [], targets: [], inHosts: false };
    this.names.claim(serverName(domain), RANK_OF_USER, record);
  }

  /** Pods come and go behind a Service with an address of its own without any change to its names. */
  #isPublished({ cluster, published }: Source, { namespace, name }: ServiceId): boolean {
    const service = cluster.find(namespace, name);
    return service !== undefined && !service.headless && published.get(keyOf(service))?.service === service;
  }

  #update(source: Source, id: ServiceId): void {
    const before = source.published.get(keyOf(id));
    const service = source.cluster.find(id.namespace, id.name);
    if (before !== undefined) this.#withdraw(source, before);
    if (service !== undefined) this.#publish(source, service);
    if ((before === undefined) === (service === undefined)) return;
    this.#options.log.info(`${id.name}.${id.namespace} has ${service === undefined ? 'gone' : 'come'}`);
    if (service !== undefined) this.#tellOfSctp(service);
  }

  /** The stack refuses SCTP without a word to us, so why is said beforehand. */
  #tellOfSctp(service: ServiceRecord): void {
    for (const { port, protocol } of service.ports) {
      if (protocol !== 'SCTP') continue;
      this.#options.log.info(
        `${labelOf({ service })}:${port}/SCTP: refused, a port-forward carries TCP only`,
      );
    }
  }

  #publish(source: Source, service: ServiceRecord): void {
    const publication = publish(service, source, source.aliases.get(keyOf(service)));
    source.published.set(keyOf(service), publication);
    for (const { addresses, destination } of publication.places)
      for (const address of addresses) this.#destinations.set(address, destination);
    for (const { names, rank, record } of publication.wishes)
      for (const name of names) this.names.claim(name, rank, record);
  }

  #withdraw(source: Source, { service, places, wishes }: Publication): void {
    source.published.delete(keyOf(service));
    for (const { addresses, destination } of places)
      for (const address of addresses)
        this.#destinations.set(address, { kind: 'gone', label: labelOf(destination) });
    for (const { names, record } of wishes) for (const name of names) this.names.release(name, record);
  }

  /** Addresses that are in use; where the ranges are full, none, which is told once. */
  #assign(key: string): readonly string[] {
    const { plan, log } = this.#options;
    const addresses = plan.assign(key);
    if (addresses !== undefined) return addresses;
    if (!this.#fullTold) log.warn(actionLine(plan.full(plan.capacity + 1)));
    this.#fullTold = true;
    return [];
  }
}
