/**
 * What was picked by name: a Service, a pod, or the pods of a workload.
 *
 * A pod or a workload is shown as a Service of its name whose every port is
 * there, and leads to the pods at the same number. It may go and come back:
 * what was there at the start is waited for.
 */
import type { EndpointSet } from '../endpoints.ts';
import { type Picked, RESOURCES, unknownPick } from '../picks.ts';
import { type ApiPod, decodePod, endpointsOfPick, type PodRecord } from '../pods.ts';
import { keyOf, type ServiceId, type ServiceRecord } from '../services.ts';
import { Collection } from '../watch/collection.ts';
import { listAll } from '../watch/list.ts';
import type { ResourceQuery } from '../watch/query.ts';
import { Reflector } from '../watch/reflector.ts';
import { type ApiWorkload, decodeWorkload, type WorkloadRecord } from '../workloads.ts';
import { explained } from './explain.ts';
import type { Feed, FeedContext } from './feed.ts';
import { ScopeFeed } from './scope-feed.ts';

export function feedOf(pick: Picked, context: FeedContext): Feed {
  switch (pick.kind) {
    case 'Service':
      return new PickedService(pick, context);
    case 'Pod':
      return new PickedPod(pick, context);
    case 'Deployment':
    case 'StatefulSet':
      return new PickedWorkload(pick, context);
  }
}

class PickedService extends ScopeFeed {
  readonly #pick: Picked;
  readonly #context: FeedContext;

  constructor(pick: Picked, context: FeedContext) {
    super(context, { namespace: pick.namespace, name: pick.name });
    this.#pick = pick;
    this.#context = context;
  }

  override async start(): Promise<void> {
    await super.start();
    if (this.size === 0) throw await absent(this.#pick, this.#context);
  }
}

class PickedPod implements Feed {
  readonly #pick: Picked;
  readonly #context: FeedContext;
  readonly #pods: Collection<PodRecord, ApiPod>;
  readonly #reflector: Reflector;

  constructor(pick: Picked, context: FeedContext) {
    this.#pick = pick;
    this.#context = context;
    const shown = new Shown(pick, context);
    this.#pods = new Collection(decodePod, (key, before, after) => {
      if (before === undefined || after === undefined) shown.set(after !== undefined);
      shown.pod(key, before, after);
    });
    const { namespace, name } = pick;
    const query = { ...RESOURCES.Pod, namespace, fieldSelector: `metadata.name=${name}` };
    this.#reflector = new Reflector(context, query, this.#pods);
  }

  async start(): Promise<void> {
    await started(this.#reflector, this.#context);
    if (this.#pods.size === 0) throw await absent(this.#pick, this.#context);
  }

  async refresh(service: ServiceId, olderThanMs: number): Promise<void> {
    if (keyOf(service) === keyOf(this.#pick)) await this.#reflector.refresh(olderThanMs);
  }

  close(): void {
    this.#reflector.close();
  }
}

class PickedWorkload implements Feed {
  readonly #pick: Picked;
  readonly #context: FeedContext;
  readonly #shown: Shown;
  readonly #workloads: Collection<WorkloadRecord, ApiWorkload>;
  readonly #reflector: Reflector;
  #pods: Reflector | undefined;

  constructor(pick: Picked, context: FeedContext) {
    this.#pick = pick;
    this.#context = context;
    this.#shown = new Shown(pick, context);
    this.#workloads = new Collection(decodeWorkload, (_key, before, after) => this.#change(before, after));
    const { namespace, kind, name } = pick;
    const query = { ...RESOURCES[kind], namespace, fieldSelector: `metadata.name=${name}` };
    this.#reflector = new Reflector(context, query, this.#workloads);
  }

  async start(): Promise<void> {
    await started(this.#reflector, this.#context);
    if (this.#workloads.size === 0 || !this.#pods) throw await absent(this.#pick, this.#context);
    await started(this.#pods, this.#context);
  }

  async refresh(service: ServiceId, olderThanMs: number): Promise<void> {
    if (keyOf(service) === keyOf(this.#pick)) await this.#pods?.refresh(olderThanMs);
  }

  /** The workload is removed by it, and its pods with it. */
  close(): void {
    this.#reflector.close();
  }

  /** A selector can't be changed, but a workload can be made anew with another. */
  #change(before: WorkloadRecord | undefined, after: WorkloadRecord | undefined): void {
    if (before?.labelSelector === after?.labelSelector) return;
    const atStart = this.#pods === undefined;
    this.#pods?.close();
    this.#shown.set(after !== undefined);
    if (!after) return;
    const pods = new Collection<PodRecord, ApiPod>(decodePod, (key, was, is) =>
      this.#shown.pod(key, was, is),
    );
    const query = {
      ...RESOURCES.Pod,
      namespace: this.#pick.namespace,
      labelSelector: after.labelSelector,
    };
    this.#pods = new Reflector(this.#context, query, pods);
    if (!atStart) this.#pods.startWhenPossible();
  }
}

/** A pick as the catalog has it. */
class Shown {
  readonly #record: ServiceRecord;
  readonly #context: FeedContext;
  #isThere = false;

  constructor({ namespace, kind, name }: Picked, context: FeedContext) {
    this.#context = context;
    this.#record = {
      kind,
      namespace,
      name,
      type: 'ClusterIP',
      clusterIPs: [],
      headless: false,
      ports: [],
      publishNotReadyAddresses: false,
    };
  }

  set(isThere: boolean): void {
    if (isThere === this.#isThere) return;
    this.#isThere = isThere;
    this.#context.catalog.updateService(
      isThere ? undefined : this.#record,
      isThere ? this.#record : undefined,
    );
  }

  pod(key: string, before: PodRecord | undefined, after: PodRecord | undefined): void {
    const service = keyOf(this.#record);
    const setOf = (pod: PodRecord | undefined): EndpointSet | undefined =>
      pod && endpointsOfPick(service, pod);
    this.#context.catalog.updateEndpoints(`picked:${service}:${key}`, setOf(before), setOf(after));
  }
}

async function started(reflector: Reflector, context: FeedContext): Promise<void> {
  try {
    await reflector.start();
  } catch (error) {
    throw explained(error, reflector.query, context);
  }
}

/** The error of a pick that is not there, with the names of what is. */
async function absent(pick: Picked, context: FeedContext): Promise<unknown> {
  const query: ResourceQuery = { ...RESOURCES[pick.kind], namespace: pick.namespace };
  const names: string[] = [];
  const page = (objects: readonly { metadata: { name: string } }[]): void => {
    names.push(...objects.map(({ metadata }) => metadata.name));
  };
  try {
    await listAll(context.api, query, {}, () => ({ page, end: () => {} }));
  } catch {
    // An account may see what it may see by name alone; then there is nothing to suggest.
  }
  return unknownPick(pick, names, context.contextName);
}
