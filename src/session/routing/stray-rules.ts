/**
 * Rules that are about nothing in this run, by all appearances against their
 * writer's will: about a name or an address that is a Service's here, where only
 * rules about Services count; against the API server, which no rule closes; and
 * about Services that there are not.
 *
 * Each is told once. What is a Service's may become so later, so a name is
 * looked at again when it stands for something else, and no other rule with it:
 * there may be many, and packets wait meanwhile. A Service that is missing is told
 * when all are known, and only of the command line: a file may be that of many runs.
 */

import type { ServiceRecord } from '../../cluster/index.ts';
import { type NamedServices, type Naming, servicesNamed } from '../../names/service-names.ts';
import type { Log } from '../../observe/log.ts';
import { type Action, type AddressRange, type Rule, textOf } from '../../policy/index.ts';
import type { Directory, DirectoryContext } from './directory.ts';

export interface StrayRulesOptions {
  readonly rules: readonly Rule[];
  /** Their Services have been read. */
  readonly contexts: readonly DirectoryContext[];
  readonly directory: Pick<Directory, 'names' | 'route'>;
  /** The domain of the clusters: `cluster.local`. */
  readonly domain: string;
  readonly log: Log;
}

type Target<Kind> = Extract<Rule['target'], { kind: Kind }>;

/** Said of a rule of a file with `-v` alone. */
const MISSING = 'no Service of this run matches it so far';

/** How names of Services end; those without a context's label are of any. */
interface Zone {
  readonly context: string | undefined;
  readonly naming: Naming;
}

/** The Services of a context, for many rules. */
interface Known {
  readonly context: string;
  /** Those that were asked for may be empty as yet. */
  readonly namespaces: ReadonlySet<string>;
  readonly byName: ReadonlyMap<string, readonly ServiceRecord[]>;
}

export class StrayRules {
  readonly #options: StrayRulesOptions;
  readonly #zones: readonly Zone[];
  /** Only for the first look: no rule about Services is looked at twice. */
  #known: readonly Known[] | undefined;
  /** To be looked at. */
  readonly #due: Rule[];
  /** About names that may turn out to be those of Services. */
  readonly #watched = new Map<string, Rule[]>();

  constructor(options: StrayRulesOptions) {
    const { contexts, domain, rules } = options;
    const labelled = contexts.length > 1 ? contexts : [];
    this.#options = options;
    this.#zones = [
      { context: undefined, naming: { domain } },
      ...labelled.map(({ name, label }) => ({ context: name, naming: { domain, contextLabel: label } })),
    ];
    this.#due = [...rules];
  }

  /** @param name stands for something else than before; its rules are looked at by the next `check` */
  nameChanged(name: string): void {
    for (const rule of this.#watched.get(name) ?? []) this.#due.push(rule);
    this.#watched.delete(name);
  }

  /** To be called once Services are known, and after names have changed. */
  check(): void {
    for (const rule of this.#due.splice(0)) {
      const why = this.#whyNothing(rule);
      if (why !== undefined) this.#tell(rule, why);
      else if (rule.target.kind === 'name') this.#watch(rule.target.name, rule);
    }
    this.#known = undefined;
  }

  #watch(name: string, rule: Rule): void {
    const rules = this.#watched.get(name);
    if (rules === undefined) this.#watched.set(name, [rule]);
    else rules.push(rule);
  }

  #tell({ origin, text, isOfFile }: Rule, why: string): void {
    const level = why === MISSING && isOfFile ? 'info' : 'warn';
    this.#options.log[level](`${origin} ${text}: ${why}`);
  }

  #whyNothing({ action, target }: Rule): string | undefined {
    switch (target.kind) {
      case 'any':
        return undefined;
      case 'service':
        return this.#whyNoService(target);
      case 'below': {
        const instead = this.#spelledBelow(target.name);
        return instead && `only Services have such names: write ${instead} for it`;
      }
      case 'name':
        return this.#whyNoName(target.name, action);
      case 'range': {
        const address = addressOf(target.range);
        return address && this.#whyNotOutside(address, address, action);
      }
    }
  }

  #whyNoService({ context, namespace, name }: Target<'service'>): string | undefined {
    this.#known ??= this.#options.contexts.map(knownOf);
    const searched = this.#known.filter((one) => context === undefined || context === one.context);
    if (name === undefined) {
      const isChosen = searched.some(
        ({ namespaces }) => namespace === undefined || namespaces.has(namespace),
      );
      return isChosen ? undefined : MISSING;
    }
    const [first, ...others] = searched
      .flatMap(({ byName }) => byName.get(name) ?? [])
      .filter((service) => namespace === undefined || namespace === service.namespace);
    if (first === undefined) return MISSING;
    const { externalName } = first;
    const areAllNames = [first, ...others].every(({ type }) => type === 'ExternalName');
    return areAllNames && externalName !== undefined
      ? `an ExternalName Service is decided by the name that it stands for: write ${externalName} for it`
      : undefined;
  }

  #whyNoName(name: string, action: Action): string | undefined {
    const record = this.#options.directory.names.lookup(name);
    if (record === undefined) {
      const found = this.#servicesNamed(name);
      if (found?.name === undefined) return undefined;
      const instead = this.#spelled(found.context, found.namespace, found.name);
      return `only a Service can have this name: write ${instead} for it`;
    }
    if (record.alias !== undefined)
      return `${name} is an ExternalName Service here: write ${record.alias} for it`;
    const [address] = record.addresses;
    return address && this.#whyNotOutside(name, address, action);
  }

  /** @param text how the rule has the address */
  #whyNotOutside(text: string, address: string, action: Action): string | undefined {
    const destination = this.#options.directory.route(address);
    if (destination.kind === 'service') {
      const { context, service, podLabel } = destination;
      const what = podLabel === undefined ? 'a Service' : "a Service's pod";
      return `${text} is ${what} here: write ${this.#spelled(context, service.namespace, service.name)} for it`;
    }
    // Who allows it has what was asked for.
    if (destination.kind !== 'endpoint' || action === 'allow') return undefined;
    const { leftOutBy } = destination.endpoint;
    return leftOutBy && `${text} is reached whatever rules say; ${leftOutBy}`;
  }

  /** What only Services are called, by the form of it; `namespace` alone stands for all that are below a namespace. */
  #servicesNamed(name: string): (NamedServices & { readonly context: string | undefined }) | undefined {
    for (const { context, naming } of this.#zones) {
      const found = servicesNamed(name, naming);
      if (found !== undefined) return { ...found, context };
    }
    return undefined;
  }

  /** How the Services are written whose names are below this one; undefined where others may have such names. */
  #spelledBelow(name: string): string | undefined {
    const found = this.#servicesNamed(name);
    if (found !== undefined) return this.#spelled(found.context, found.namespace, found.name);
    const zone = this.#zones.find(({ naming: { domain, contextLabel } }) => {
      const end = contextLabel === undefined ? '' : `.${contextLabel}`;
      return [`svc.${domain}${end}`, `${domain}${end}`, `svc${end}`].includes(name);
    });
    return zone && this.#spelled(zone.context, '*', undefined);
  }

  #spelled(context: string | undefined, namespace: string, name: string | undefined): string {
    const isAlone = this.#options.contexts.length === 1;
    const inContext = isAlone || context === undefined ? '' : `${context}/`;
    return `${inContext}${name === undefined ? `ns/${namespace}` : `${namespace}/svc/${name}`}`;
  }
}

function knownOf({ name: context, namespaces: asked, cluster }: DirectoryContext): Known {
  const namespaces = new Set(asked);
  const byName = new Map<string, ServiceRecord[]>();
  for (const service of cluster.services) {
    namespaces.add(service.namespace);
    const named = byName.get(service.name);
    if (named === undefined) byName.set(service.name, [service]);
    else named.push(service);
  }
  return { context, namespaces, byName };
}

/** Where it is a single one. */
function addressOf({ version, words, prefixLength }: AddressRange): string | undefined {
  return prefixLength === (version === 4 ? 32 : 128) ? textOf(words) : undefined;
}
