/**
 * Whether a pod still runs, asked with no more rights than forwarding needs.
 *
 * An account that may read pods is told the uid and the phase. Any other asks
 * for a port-forward without an upgrade: the API server looks the pod up before
 * it misses the upgrade, so 404 means that there is none, and 400 that there is
 * one of that name.
 */
import type { V1Pod } from '@kubernetes/client-node';
import type { ApiClient } from '../api/client.ts';
import type { Json } from '../api/objects.ts';
import type { EndpointPod } from '../discovery/endpoints.ts';
import { ClusterError } from '../errors.ts';

/** No container of such a pod runs any more. */
const ENDED = new Set(['Succeeded', 'Failed']);

/** @returns true where it cannot be known */
export async function podExists(api: ApiClient, pod: EndpointPod): Promise<boolean> {
  const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}`;
  try {
    const { status, body } = await api.get(path);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is read of it is optional
    if (status === 200) return isSame(body as Json<V1Pod>, pod);
    if (status === 404) return false;
    return (await api.get(`${path}/portforward`)).status !== 404;
  } catch (error) {
    if (error instanceof ClusterError) return true;
    throw error;
  }
}

function isSame({ metadata, status }: Json<V1Pod>, { uid }: EndpointPod): boolean {
  const same = uid === undefined || metadata?.uid === undefined || metadata.uid === uid;
  return same && !ENDED.has(status?.phase ?? '');
}
