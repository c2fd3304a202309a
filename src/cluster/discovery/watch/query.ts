import type { Message } from '../../api/protobuf/message.ts';

/** Which objects of the API are followed, and the paths by which they are asked for. */
export interface ResourceQuery {
  /** As RBAC names it: `endpointslices.discovery.k8s.io`. */
  readonly resource: string;
  /** `/api/v1`, `/apis/discovery.k8s.io/v1`. */
  readonly root: string;
  /** Absent: all namespaces, or a resource that has none. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** By which lists of it come as Protocol Buffers, where the server has them so. */
  readonly model?: Message;
}

/** Where the API has the resources without a group. */
export const CORE_ROOT = '/api/v1';

export function listPath(query: ResourceQuery, limit?: number, token = ''): string {
  const parameters = selectors(query);
  if (limit !== undefined) parameters.set('limit', String(limit));
  if (token !== '') parameters.set('continue', token);
  return withParameters(query, parameters);
}

export function watchPath(query: ResourceQuery, resourceVersion: string, timeoutSeconds: number): string {
  const parameters = selectors(query);
  parameters.set('watch', 'true');
  parameters.set('resourceVersion', resourceVersion);
  parameters.set('allowWatchBookmarks', 'true');
  parameters.set('timeoutSeconds', String(timeoutSeconds));
  return withParameters(query, parameters);
}

/** Where it is, for a message: `in namespace "shop"`. */
export function placeOf({ resource, namespace }: ResourceQuery): string {
  if (resource === 'namespaces') return 'in the cluster';
  return namespace === undefined ? 'in all namespaces' : `in namespace "${namespace}"`;
}

/** A resource without its group, as paths and kubectl have it. */
export function pluralOf({ resource }: Pick<ResourceQuery, 'resource'>): string {
  return resource.split('.')[0];
}

function withParameters(query: ResourceQuery, parameters: URLSearchParams): string {
  const { root, namespace } = query;
  const place = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const question = parameters.size === 0 ? '' : `?${parameters.toString()}`;
  return `${root}${place}/${pluralOf(query)}${question}`;
}

function selectors({ labelSelector, fieldSelector }: ResourceQuery): URLSearchParams {
  const parameters = new URLSearchParams();
  if (labelSelector !== undefined) parameters.set('labelSelector', labelSelector);
  if (fieldSelector !== undefined) parameters.set('fieldSelector', fieldSelector);
  return parameters;
}
