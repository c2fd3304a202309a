/**
 * The endpoints of a namespace, or of all, from the best source that there is.
 *
 * That is the first that the server has and the account may list:
 * EndpointSlices v1 (Kubernetes 1.21 and later), v1beta1 (1.17 to 1.24), the
 * older core Endpoints, and at last the pods themselves, from which the
 * endpoints are made here. The choice is made at the first list and kept.
 */
import { ENDPOINT_SLICE } from '../../api/protobuf/models.ts';
import {
  type ApiEndpoints,
  type ApiEndpointSlice,
  decodeEndpoints,
  decodeEndpointSlice,
  type EndpointSet,
  SERVICE_NAME_LABEL,
} from '../endpoints.ts';
import type { ServiceId } from '../services.ts';
import { Collection, type ObjectSink } from '../watch/collection.ts';
import { CORE_ROOT, type ResourceQuery } from '../watch/query.ts';
import { Reflector } from '../watch/reflector.ts';
import { explained, isForbidden, isMissing } from './explain.ts';
import type { FeedContext } from './feed.ts';
import { PodEndpoints } from './pod-endpoints.ts';
import type { Scope } from './scope.ts';

interface Source {
  readonly query: ResourceQuery;
  readonly makeSink: () => ObjectSink;
}

export class EndpointFeed {
  readonly #context: FeedContext;
  readonly #scope: Scope;
  #reflector: Reflector | undefined;
  #closed = false;

  constructor(context: FeedContext, scope: Scope) {
    this.#context = context;
    this.#scope = scope;
  }

  /** @throws ClusterError that names the right to ask for */
  async start(): Promise<void> {
    const { log } = this.#context;
    let forbidden: unknown;
    let last: unknown;
    for (const { query, makeSink } of this.#sources()) {
      const pollOnly = this.#scope.pollOnly ?? false;
      const reflector = new Reflector(this.#context, query, makeSink(), { pollOnly });
      try {
        await reflector.start();
      } catch (error) {
        reflector.close();
        const told = explained(error, query, this.#context);
        if (!isMissing(error)) throw told;
        // A 404 is no right that could be asked for.
        if (isForbidden(error)) forbidden ??= told;
        last = told;
        continue;
      }
      this.#reflector = reflector;
      if (this.#closed) reflector.close();
      log.debug(`endpoints are taken from ${query.root} ${query.resource}`);
      return;
    }
    throw forbidden ?? last;
  }

  covers({ namespace, name }: ServiceId): boolean {
    const { namespace: own = namespace, name: ownName = name } = this.#scope;
    return own === namespace && ownName === name;
  }

  async refresh(olderThanMs: number): Promise<void> {
    await this.#reflector?.refresh(olderThanMs);
  }

  close(): void {
    this.#closed = true;
    this.#reflector?.close();
  }

  #sources(): Source[] {
    const { catalog } = this.#context;
    const { namespace, name } = this.#scope;
    const place = namespace === undefined ? {} : { namespace };
    const tell = (source: string) => (key: string, before?: EndpointSet, after?: EndpointSet) =>
      catalog.updateEndpoints(`${source}:${key}`, before, after);
    return [
      ...['v1', 'v1beta1'].map((version) => ({
        query: {
          root: `/apis/discovery.k8s.io/${version}`,
          resource: 'endpointslices.discovery.k8s.io',
          model: ENDPOINT_SLICE,
          ...place,
          ...(name === undefined ? {} : { labelSelector: `${SERVICE_NAME_LABEL}=${name}` }),
        },
        makeSink: () => new Collection<EndpointSet, ApiEndpointSlice>(decodeEndpointSlice, tell('slice')),
      })),
      {
        query: {
          root: CORE_ROOT,
          resource: 'endpoints',
          ...place,
          ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
        },
        makeSink: () => new Collection<EndpointSet, ApiEndpoints>(decodeEndpoints, tell('endpoints')),
      },
      {
        query: { root: CORE_ROOT, resource: 'pods', ...place },
        makeSink: () => new PodEndpoints(catalog).sink,
      },
    ];
  }
}
