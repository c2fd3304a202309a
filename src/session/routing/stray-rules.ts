/**
 * Rules that are about nothing in this run, by all appearances against their
 * writer's will: about a name or an address that is a Service's here, where only
 * rules about Services count; against the API server, which no rule closes; and
 * about Services that there are not.
 *
 * Each is told once. What is a Service's may become so later, so names are
 * looked at again whenever some have come. A Service that is missing is told
 * when all are known, and only of the command line: a file may be that of many runs.
 */

import { type NamedServices, type Naming, servicesNamed } from '../../names/service-names.ts';
import type { Log } from '../../observe/log.ts';
import { type Action, type AddressRange, isServiceOf, type Rule, textOf } from '../../policy/index.ts';
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

export class StrayRules {
  readonly #options: StrayRulesOptions;
  /** Looked at once. */
  #others: readonly Rule[];
  /** Names, which may turn out to be those of Services. */
  #watched: readonly Rule[];

  constructor(options: StrayRulesOptions) {
    const { rules } = options;
    this.#options = options;
    this.#others = rules.filter(({ target }) => target.kind !== 'name');
    this.#watched = rules.filter(({ target }) => target.kind === 'name');
  }

  /** To be called once Services are known, and after names have changed. */
  check(): void {
    for (const rule of this.#others) this.#tell(rule);
    this.#others = [];
    this.#watched = this.#watched.filter((rule) => !this.#tell(rule));
  }

  /** @returns whether there was something to tell */
  #tell(rule: Rule): boolean {
    const why = this.#whyNothing(rule);
    if (why === undefined) return false;
    const level = why === MISSING && rule.isOfFile ? 'info' : 'warn';
    this.#options.log[level](`${rule.origin} ${rule.text}: ${why}`);
    return true;
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

  #whyNoService(target: Target<'service'>): string | undefined {
    const { contexts } = this.#options;
    const matching = contexts.flatMap(({ name: context, cluster }) =>
      cluster.services.filter(({ namespace, name }) => isServiceOf(target, { context, namespace, name })),
    );
    if (target.name !== undefined && matching.length > 0) {
      const [{ externalName }] = matching;
      const areAllNames = matching.every(({ type }) => type === 'ExternalName');
      return areAllNames && externalName !== undefined
        ? `an ExternalName Service is decided by the name that it stands for: write ${externalName} for it`
        : undefined;
    }
    // What was asked for may be empty as yet.
    const isChosen = contexts.some(
      ({ name, namespaces }) =>
        (target.context === undefined || target.context === name) &&
        (target.namespace === undefined || namespaces.includes(target.namespace)),
    );
    return matching.length > 0 || (target.name === undefined && isChosen) ? undefined : MISSING;
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
    for (const { context, naming } of this.#namings()) {
      const found = servicesNamed(name, naming);
      if (found !== undefined) return { ...found, context };
    }
    return undefined;
  }

  /** How the Services are written whose names are below this one; undefined where others may have such names. */
  #spelledBelow(name: string): string | undefined {
    const found = this.#servicesNamed(name);
    if (found !== undefined) return this.#spelled(found.context, found.namespace, found.name);
    const zone = this.#namings().find(({ naming: { domain, contextLabel } }) => {
      const end = contextLabel === undefined ? '' : `.${contextLabel}`;
      return [`svc.${domain}${end}`, `${domain}${end}`, `svc${end}`].includes(name);
    });
    return zone && this.#spelled(zone.context, '*', undefined);
  }

  /** Names without a context's label are those of any. */
  #namings(): { readonly context: string | undefined; readonly naming: Naming }[] {
    const { contexts, domain } = this.#options;
    const labelled = contexts.length > 1 ? contexts : [];
    return [
      { context: undefined, naming: { domain } },
      ...labelled.map(({ name, label }) => ({ context: name, naming: { domain, contextLabel: label } })),
    ];
  }

  #spelled(context: string | undefined, namespace: string, name: string | undefined): string {
    const isAlone = this.#options.contexts.length === 1;
    const inContext = isAlone || context === undefined ? '' : `${context}/`;
    return `${inContext}${name === undefined ? `ns/${namespace}` : `${namespace}/svc/${name}`}`;
  }
}

/** Where it is a single one. */
function addressOf({ version, words, prefixLength }: AddressRange): string | undefined {
  return prefixLength === (version === 4 ? 32 : 128) ? textOf(words) : undefined;
}
