/** The Services of a namespace, or of all: those that a selector selects, or one by name. */
import { SERVICE } from '../../api/protobuf/models.ts';
import { type ApiService, decodeService, type ServiceRecord } from '../services.ts';
import { Collection } from '../watch/collection.ts';
import { CORE_ROOT } from '../watch/query.ts';
import { Reflector } from '../watch/reflector.ts';
import { explained, explainForbidden, isForbidden, mustExist } from './explain.ts';
import type { FeedContext } from './feed.ts';
import type { Scope } from './scope.ts';

export class ServiceFeed {
  readonly #context: FeedContext;
  readonly #scope: Scope;
  readonly #services: Collection<ServiceRecord, ApiService>;
  readonly #reflector: Reflector;

  constructor(context: FeedContext, scope: Scope) {
    const { namespace, labelSelector, name, pollOnly = false } = scope;
    this.#context = context;
    this.#scope = scope;
    this.#services = new Collection(decodeService, (_key, before, after) =>
      context.catalog.updateService(before, after),
    );
    const query = {
      root: CORE_ROOT,
      resource: 'services',
      model: SERVICE,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
    };
    this.#reflector = new Reflector(context, query, this.#services, { pollOnly });
  }

  get size(): number {
    return this.#services.size;
  }

  /** @throws ClusterError; a bare Refusal where all namespaces may not be listed at once */
  async start(): Promise<void> {
    const { query } = this.#reflector;
    const { namespace, exists } = this.#scope;
    let count: number;
    try {
      count = await this.#reflector.start();
    } catch (error) {
      if (!isForbidden(error)) throw explained(error, query, this.#context);
      if (namespace === undefined) throw error;
      throw await explainForbidden(error, { ...query, namespace }, this.#context);
    }
    if (count === 0 && namespace !== undefined && !exists) await mustExist(namespace, this.#context);
  }

  close(): void {
    this.#reflector.close();
  }
}
