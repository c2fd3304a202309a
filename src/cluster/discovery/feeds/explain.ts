/**
 * What a refused list means to the user.
 *
 * Listing tells nothing of whether a namespace exists: it is 200 and empty for
 * who may list everywhere, and 403 for who may list only in some. Both cases
 * ask for the namespace itself, which a restricted account may not see either.
 */
import { answered } from '../../api/errors.ts';
import type { JsonAnswer } from '../../api/client.ts';
import { ClusterError } from '../../errors.ts';
import { Refusal } from '../watch/list.ts';
import { CORE_ROOT, placeOf, type ResourceQuery } from '../watch/query.ts';
import type { FeedContext } from './feed.ts';

const BAD_REQUEST = 400;
const FORBIDDEN = 403;
const NOT_FOUND = 404;
const OK = 200;

/** Whether another resource may tell the same: the server lacks this one (404), or the account may not (403). */
export function isMissing(error: unknown): error is Refusal {
  return error instanceof Refusal && [FORBIDDEN, NOT_FOUND].includes(error.answer.status);
}

export function isForbidden(error: unknown): error is Refusal {
  return error instanceof Refusal && error.answer.status === FORBIDDEN;
}

/** A failed list as what the user is told; anything else as it is. */
export function explained(error: unknown, query: ResourceQuery, { contextName }: FeedContext): unknown {
  if (!(error instanceof Refusal)) return error;
  const { status, message } = error.answer;
  const { resource, namespace, labelSelector } = query;
  if (status === BAD_REQUEST && labelSelector !== undefined) {
    return new ClusterError(
      'SELECTOR_INVALID',
      `the API server does not understand the selector "${labelSelector}": ${message}`,
      `write it as for kubectl, and try it there: kubectl --context ${contextName} get services -l '${labelSelector}'`,
    );
  }
  if (status === FORBIDDEN && namespace === undefined) {
    return new ClusterError(
      'FORBIDDEN',
      `the account of context "${contextName}" may not list ${resource} ${placeOf(query)}: ${message}`,
      `name the namespaces with -n, or ask for a cluster role with the verb "list" on ${resource}`,
    );
  }
  return answered(status, message, { verb: 'list', resource, namespace, contextName });
}

/** Says whether a namespace without Services is one. @throws ClusterError where it is known not to be. */
export async function mustExist(namespace: string, context: FeedContext): Promise<void> {
  const { status } = await getNamespace(namespace, context);
  if (status === NOT_FOUND) throw unknownNamespace(namespace, context);
  if (status === FORBIDDEN) {
    context.log.info(
      `namespace ${namespace} has no Services; whether it exists, this account may not see (no "get" on namespaces)`,
    );
  }
}

/** Of the Services of one namespace, which may not be listed. */
export async function explainForbidden(
  refusal: Refusal,
  query: ResourceQuery & { readonly namespace: string },
  context: FeedContext,
): Promise<unknown> {
  const { namespace } = query;
  const { status } = await getNamespace(namespace, context);
  if (status === NOT_FOUND) return unknownNamespace(namespace, context);
  if (status === OK) return explained(refusal, query, context);
  return new ClusterError(
    'NAMESPACE_UNVERIFIED',
    `the account of context "${context.contextName}" may not list services in namespace "${namespace}", nor see whether it exists`,
    'check the spelling of -n; if it is right, ask for a role with "list" on services and endpointslices there',
  );
}

function getNamespace(namespace: string, { api }: FeedContext): Promise<JsonAnswer> {
  return api.get(`${CORE_ROOT}/namespaces/${encodeURIComponent(namespace)}`);
}

export function unknownNamespace(
  namespace: string,
  { contextName }: Pick<FeedContext, 'contextName'>,
): ClusterError {
  return new ClusterError(
    'NAMESPACE_UNKNOWN',
    `context "${contextName}" has no namespace "${namespace}"`,
    `choose one with -n; see which there are with: kubectl --context ${contextName} get namespaces`,
  );
}
