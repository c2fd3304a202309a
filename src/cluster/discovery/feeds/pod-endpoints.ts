/**
 * Endpoints made here, from Services and pods, as the endpoint controllers make them.
 *
 * Only for accounts that may list neither slices nor Endpoints. A change of a
 * pod looks through the Services, a change of a Service through the pods.
 */
import type { Catalog } from '../catalog.ts';
import type { EndpointSet } from '../endpoints.ts';
import { type ApiPod, decodePod, endpointsBySelector, isSelected, type PodRecord } from '../pods.ts';
import { keyOf, type ServiceRecord } from '../services.ts';
import { Collection, type ObjectSink } from '../watch/collection.ts';

export class PodEndpoints {
  readonly sink: ObjectSink;
  readonly #catalog: Catalog;
  readonly #pods = new Map<string, PodRecord>();
  /** What has been said, by Service and pod. */
  readonly #said = new Map<string, EndpointSet>();
  readonly #stopListening: () => void;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    const pods = new Collection<PodRecord, ApiPod>(decodePod, (key, before, after) => {
      if (after) this.#pods.set(key, after);
      else this.#pods.delete(key);
      for (const service of catalog.services) this.#say(key, service, after ?? before, after);
    });
    this.sink = {
      put: (object) => pods.put(object),
      delete: (object) => pods.delete(object),
      beginList: () => pods.beginList(),
      clear: () => {
        this.#stopListening();
        pods.clear();
      },
    };
    this.#stopListening = catalog.onService((before, after) => {
      const service = after ?? before;
      if (!service) return;
      for (const [key, pod] of this.#pods) this.#say(key, service, pod, after ? pod : undefined);
    });
  }

  /** @param now undefined where the pod or the Service is gone. */
  #say(podKey: string, service: ServiceRecord, pod: PodRecord | undefined, now: PodRecord | undefined): void {
    if (pod?.pod.namespace !== service.namespace) return;
    const source = `pod:${keyOf(service)}:${podKey}`;
    const before = this.#said.get(source);
    const after = now && isSelected(now, service) ? endpointsBySelector(service, now) : undefined;
    if (!before && !after) return;
    if (after) this.#said.set(source, after);
    else this.#said.delete(source);
    this.#catalog.updateEndpoints(source, before, after);
  }
}
