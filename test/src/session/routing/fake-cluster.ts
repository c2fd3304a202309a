/** Clusters whose Services and pods a test may change, and that tell of it as a real one does. */

import type { EndpointPod, Owner, ServiceId, ServiceRecord } from '../../../../src/cluster/index.ts';
import type { RemoteStream, RemoteStreamEvents } from '../../../../src/relay/stream.ts';
import type { ClusterView, DirectoryContext } from '../../../../src/session/routing/directory.ts';

export function service(name: string, more: Partial<ServiceRecord> = {}): ServiceRecord {
  return {
    kind: 'Service',
    namespace: 'a',
    name,
    type: 'ClusterIP',
    clusterIPs: ['10.96.0.1'],
    headless: false,
    publishNotReadyAddresses: false,
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    ...more,
  };
}

export function headless(name: string, more: Partial<ServiceRecord> = {}): ServiceRecord {
  return service(name, { headless: true, clusterIPs: [], ...more });
}

export class FakeCluster implements ClusterView {
  onChange: ((changed: readonly ServiceId[]) => void) | undefined;
  readonly dialled: string[] = [];
  /** Of the latest dial; without word of the test it stays open. */
  events: RemoteStreamEvents | undefined;
  readonly #services = new Map<string, ServiceRecord>();
  readonly #pods = new Map<string, EndpointPod[]>();

  constructor(services: readonly ServiceRecord[] = []) {
    for (const one of services) this.#services.set(key(one), one);
  }

  get services(): readonly ServiceRecord[] {
    return [...this.#services.values()];
  }

  /** Adds a Service, or puts it in place of the one of its name. */
  put(one: ServiceRecord): void {
    this.#services.set(key(one), one);
    this.onChange?.([one]);
  }

  remove(one: ServiceId): void {
    this.#services.delete(key(one));
    this.onChange?.([one]);
  }

  /** The pods of a Service from now on, by label; their addresses follow from their order. */
  setPods(of: ServiceRecord, ...labels: readonly string[]): void {
    const pods = labels.map((label, i) => ({
      namespace: of.namespace,
      name: label,
      label,
      addresses: [`10.244.0.${i + 1}`],
    }));
    this.#pods.set(key(of), pods);
    this.onChange?.([of]);
  }

  find(namespace: string, name: string): ServiceRecord | undefined {
    return this.#services.get(key({ namespace, name }));
  }

  podsOf(of: ServiceRecord): readonly EndpointPod[] {
    return this.#pods.get(key(of)) ?? [];
  }

  owner(address: string): Owner | undefined {
    for (const one of this.services) {
      if (one.clusterIPs.includes(address)) return { kind: 'service', service: one };
      const pod = this.podsOf(one).find(({ addresses }) => addresses.includes(address));
      if (pod) return { kind: 'pod', service: one, podLabel: pod.label };
    }
    return undefined;
  }

  hasPort(of: ServiceRecord, port: number): boolean {
    return of.ports.some((one) => one.port === port && one.protocol === 'TCP');
  }

  obstacle(of: ServiceRecord, port: number, podLabel?: string): string | undefined {
    if (podLabel === undefined && !this.hasPort(of, port)) return `no such port: ${of.ports[0]?.port}`;
    return this.podsOf(of).length === 0 ? 'no ready pod' : undefined;
  }

  dialService(of: ServiceRecord, port: number, events: RemoteStreamEvents): RemoteStream {
    return this.#dial(`${key(of)}:${port}`, events);
  }

  dialPod(of: ServiceRecord, podLabel: string, port: number, events: RemoteStreamEvents): RemoteStream {
    return this.#dial(`${key(of)}/${podLabel}:${port}`, events);
  }

  #dial(what: string, events: RemoteStreamEvents): RemoteStream {
    this.dialled.push(what);
    this.events = events;
    return { write: (_, done) => done(), end() {}, pause() {}, resume() {}, destroy() {} };
  }
}

function key({ namespace, name }: ServiceId): string {
  return `${namespace}/${name}`;
}

export function context(cluster: ClusterView, more: Partial<DirectoryContext> = {}): DirectoryContext {
  return { name: 'dev', key: 'cluster', label: 'dev', namespaces: ['a', 'b'], cluster, ...more };
}
