/**
 * Whether a right is there, by asking the API server (SelfSubjectAccessReview,
 * authorization.k8s.io/v1), which any account may do on most clusters.
 *
 * Where it may not be asked, it is tried out: a list of one item, a watch that
 * ends at once, a port-forward to a pod that can't be. The server judges rights
 * before it looks for the object (so that 403 tells nothing of it), and nothing
 * is changed.
 */

import type { ApiClient } from '../../../cluster/index.ts';
import type { Right } from './right.ts';

const CREATED = 201;
const OK = 200;
const FORBIDDEN = 403;
const NOT_FOUND = 404;
const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** No pod has it: names have no capitals. */
const NO_POD = 'Kns-Rootless-Doctor';
/** EndpointSlices have been v1beta1 before Kubernetes 1.21. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = { 'discovery.k8s.io': ['v1', 'v1beta1'] };
const WATCH_SECONDS = 1;
const WATCH_IDLE_MS = 10_000;

export class Reviewer {
  readonly #api: ApiClient;
  /** Once the server has refused to be asked. */
  #mayAsk = true;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** How it was found out, so far. */
  get way(): 'asked' | 'tried' {
    return this.#mayAsk ? 'asked' : 'tried';
  }

  /** @throws ClusterError where there is no answer */
  async may(right: Right): Promise<boolean> {
    const answer = this.#mayAsk ? await this.#ask(right) : undefined;
    return answer ?? this.#try(right);
  }

  /** @returns undefined where that may not be asked, or the server knows no such question */
  async #ask({ verb, group, resource, subresource, name, namespace }: Right): Promise<boolean | undefined> {
    const { status, body } = await this.#api.post(REVIEWS, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource, subresource, name, namespace } },
    });
    const allowed = status === CREATED || status === OK ? allowedIn(body) : undefined;
    if (allowed === undefined) this.#mayAsk = false;
    return allowed;
  }

  async #try(right: Right): Promise<boolean> {
    const statuses = await Promise.all(paths(right).map((path) => this.#status(right, path)));
    if (right.subresource !== undefined) return !statuses.includes(FORBIDDEN);
    return statuses.some((status) => status !== FORBIDDEN && status !== NOT_FOUND);
  }

  async #status({ verb, name }: Right, path: string): Promise<number> {
    const named = name === undefined ? '' : `&fieldSelector=metadata.name%3D${encodeURIComponent(name)}`;
    switch (verb) {
      case 'get':
        return (await this.#api.get(path)).status;
      case 'create':
        return (await this.#api.post(path, {})).status;
      case 'list':
        return (await this.#api.get(`${path}?limit=1${named}`)).status;
      case 'watch':
        return this.#watchStatus(`${path}?watch=true&timeoutSeconds=${WATCH_SECONDS}${named}`);
    }
  }

  async #watchStatus(path: string): Promise<number> {
    const done = new AbortController();
    const answer = await this.#api.stream(path, { signal: done.signal, idleMs: WATCH_IDLE_MS });
    done.abort(new Error('the head was all that was asked for'));
    return answer.streaming ? OK : answer.status;
  }
}

function paths({ group, resource, subresource, namespace }: Right): string[] {
  const place = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const what = subresource === undefined ? resource : `${resource}/${NO_POD}/${subresource}`;
  const roots =
    group === '' ? ['/api/v1'] : (VERSIONS[group] ?? ['v1']).map((version) => `/apis/${group}/${version}`);
  return roots.map((root) => `${root}${place}/${what}`);
}

function allowedIn(review: unknown): boolean | undefined {
  if (typeof review !== 'object' || review === null || !('status' in review)) return undefined;
  const { status } = review;
  if (typeof status !== 'object' || status === null || !('allowed' in status)) return undefined;
  return status.allowed === true;
}
