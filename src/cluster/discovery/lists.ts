/**
 * What there is in the namespaces: Services, and the endpoints behind them.
 *
 * Endpoints come from the best source that the server has and the account may
 * list: EndpointSlices v1 (Kubernetes 1.21 and later), v1beta1 (1.17 to 1.24),
 * the older core Endpoints. The choice is made at the first list and kept.
 *
 * Listing tells nothing of whether a namespace exists: it is 200 and empty for
 * who may list everywhere, and 403 for who may list only in some. Both cases
 * ask for the namespace itself, which a restricted account may not see either.
 */
import { answered } from '../api/errors.ts';
import type { ApiClient, JsonAnswer } from '../api/client.ts';
import {
  type EndpointGroup,
  EndpointTable,
  parseEndpointSliceList,
  parseEndpointsList,
} from './endpoints.ts';
import { ClusterError } from '../errors.ts';
import type { ClusterLog } from '../log.ts';
import { type ServiceRecord, parseServiceList } from './services.ts';

interface EndpointSource {
  readonly resource: string;
  path(namespace: string): string;
  parse(body: unknown): EndpointGroup[];
}

const ENDPOINT_SOURCES: readonly EndpointSource[] = [
  ...['v1', 'v1beta1'].map((version) => ({
    resource: 'endpointslices.discovery.k8s.io',
    path: (namespace: string) =>
      `/apis/discovery.k8s.io/${version}/namespaces/${encodeURIComponent(namespace)}/endpointslices`,
    parse: parseEndpointSliceList,
  })),
  {
    resource: 'endpoints',
    path: (namespace) => `/api/v1/namespaces/${encodeURIComponent(namespace)}/endpoints`,
    parse: parseEndpointsList,
  },
];

export class Discovery {
  readonly #api: ApiClient;
  readonly #log: ClusterLog;
  /** Index into ENDPOINT_SOURCES of the first one that may work. */
  #source = 0;

  constructor(api: ApiClient, log: ClusterLog) {
    this.#api = api;
    this.#log = log;
  }

  async services(namespace: string): Promise<ServiceRecord[]> {
    const answer = await this.#api.get(`/api/v1/namespaces/${encodeURIComponent(namespace)}/services`);
    if (answer.status === 403) throw await this.#explainForbidden(namespace, answer);
    if (!isList(answer)) throw this.#failed(answer, 'services', namespace);
    const services = parseServiceList(answer.body);
    if (services.length === 0) await this.#mustExist(namespace);
    return services;
  }

  async endpoints(namespace: string): Promise<EndpointTable> {
    let forbidden: ClusterError | undefined;
    for (let index = this.#source; ; index++) {
      const source = ENDPOINT_SOURCES[index];
      const answer = await this.#api.get(source.path(namespace));
      if (isList(answer)) {
        if (index > this.#source) this.#log.debug(`endpoints are listed by ${source.path(namespace)}`);
        this.#source = Math.max(this.#source, index);
        return new EndpointTable(source.parse(answer.body));
      }
      // 404: the server does not have it; 403: the account may not, but may yet list another.
      const error = this.#failed(answer, source.resource, namespace);
      if (answer.status === 403) forbidden ??= error;
      const another = answer.status === 404 || answer.status === 403;
      if (!another || index === ENDPOINT_SOURCES.length - 1) throw forbidden ?? error;
    }
  }

  async #mustExist(namespace: string): Promise<void> {
    const { status } = await this.#namespace(namespace);
    if (status === 404) throw this.#unknown(namespace);
    if (status === 403) {
      this.#log.info(
        `namespace ${namespace} has no Services; whether it exists, this account may not see (no "get" on namespaces)`,
      );
    }
  }

  async #explainForbidden(namespace: string, answer: JsonAnswer): Promise<ClusterError> {
    const { status } = await this.#namespace(namespace);
    if (status === 404) return this.#unknown(namespace);
    if (status === 200) return this.#failed(answer, 'services', namespace);
    const { contextName } = this.#api.access;
    return new ClusterError(
      'NAMESPACE_UNVERIFIED',
      `the account of context "${contextName}" may not list services in namespace "${namespace}", nor see whether it exists`,
      'check the spelling of -n; if it is right, ask for a role with "list" on services and endpointslices there',
    );
  }

  #namespace(namespace: string): Promise<JsonAnswer> {
    return this.#api.get(`/api/v1/namespaces/${encodeURIComponent(namespace)}`);
  }

  #unknown(namespace: string): ClusterError {
    const { contextName } = this.#api.access;
    return new ClusterError(
      'NAMESPACE_UNKNOWN',
      `context "${contextName}" has no namespace "${namespace}"`,
      `choose one with -n; see which there are with: kubectl --context ${contextName} get namespaces`,
    );
  }

  #failed(answer: JsonAnswer, resource: string, namespace: string): ClusterError {
    const { contextName } = this.#api.access;
    return answered(answer.status, answer.message, { verb: 'list', resource, namespace, contextName });
  }
}

/** A 200 alone may be the page of a proxy that wants a login. */
function isList({ status, body }: JsonAnswer): boolean {
  return status === 200 && typeof body === 'object' && body !== null && 'items' in body;
}
