/**
 * Rules that are about nothing in this run, by all appearances against their
 * writer's will: about a name that is a Service's here, where only rules about
 * Services count, and about Services that there are not.
 *
 * Each is told once. What is a Service's may become so later, so names are
 * looked at again whenever some have come. A Service that is missing is told
 * when all are known, and only of the command line: a file may be that of many runs.
 */

import { type NamedServices, type Naming, servicesNamed } from '../../names/service-names.ts';
import type { Log } from '../../observe/log.ts';
import { isServiceOf, type Rule } from '../../policy/index.ts';
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

export class StrayRules {
  readonly #options: StrayRulesOptions;
  /** That may turn out to be about a Service's name. */
  #watched: readonly Rule[];
  #isFirst = true;

  constructor(options: StrayRulesOptions) {
    this.#options = options;
    this.#watched = options.rules.filter(({ target }) => target.kind === 'name');
  }

  /** To be called once Services are known, and after names have changed. */
  check(): void {
    if (this.#isFirst) for (const rule of this.#options.rules) this.#checkOnce(rule);
    this.#isFirst = false;
    this.#watched = this.#watched.filter((rule) => {
      const { target } = rule;
      const why = target.kind === 'name' ? this.#whyNoName(target.name) : undefined;
      if (why !== undefined) this.#options.log.warn(`${asWritten(rule)}: ${why}`);
      return why === undefined;
    });
  }

  #checkOnce(rule: Rule): void {
    const { log } = this.#options;
    const { target } = rule;
    switch (target.kind) {
      case 'service': {
        const why = this.#whyNoService(target);
        if (why === undefined) return;
        if (rule.isOfFile) log.info(`${asWritten(rule)}: ${why}`);
        else log.warn(`${asWritten(rule)}: ${why}`);
        return;
      }
      case 'below': {
        const instead = this.#spelledBelow(target.name);
        if (instead !== undefined)
          log.warn(`${asWritten(rule)}: only Services have such names: write ${instead} for it`);
        return;
      }
      case 'range':
      case 'name':
      case 'any':
    }
  }

  #whyNoService(target: Target<'service'>): string | undefined {
    const { contexts } = this.#options;
    const matching = contexts.flatMap(({ name: context, cluster }) =>
      cluster.services.filter(({ namespace, name }) => isServiceOf(target, { context, namespace, name })),
    );
    const isChosen = contexts.some(
      ({ name, namespaces }) =>
        (target.context === undefined || target.context === name) &&
        (target.namespace === undefined || namespaces.includes(target.namespace)),
    );
    if (matching.length === 0)
      return target.name === undefined && isChosen ? undefined : 'no Service of this run matches it so far';
    const [{ externalName }] = matching;
    return externalName !== undefined && target.name !== undefined
      ? `an ExternalName Service is decided by the name that it stands for: write ${externalName} for it`
      : undefined;
  }

  #whyNoName(name: string): string | undefined {
    const { directory } = this.#options;
    const record = directory.names.lookup(name);
    if (record === undefined) {
      const found = this.#servicesNamed(name);
      if (found?.name === undefined) return undefined;
      const instead = this.#spelled(found.context, found.namespace, found.name);
      return `only a Service can have this name: write ${instead} for it`;
    }
    if (record.alias !== undefined)
      return `${name} is an ExternalName Service here: write ${record.alias} for it`;
    const destination = directory.route(record.addresses[0] ?? '');
    if (destination.kind !== 'service') return undefined;
    const { context, service } = destination;
    return `${name} is a Service here: write ${this.#spelled(context, service.namespace, service.name)} for it`;
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

function asWritten({ origin, text }: Rule): string {
  return `${origin} ${text}`;
}
