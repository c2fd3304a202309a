/** Tables that are kept up to date by events, against a naive twin: all of it looked through, for each question. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Catalog } from '../../../../src/cluster/discovery/catalog.ts';
import {
  type ApiEndpointSlice,
  decodeEndpointSlice,
  type EndpointGroup,
  type EndpointPod,
  type EndpointSet,
  podKey,
} from '../../../../src/cluster/discovery/endpoints.ts';
import {
  type ApiService,
  decodeService,
  type ServiceRecord,
} from '../../../../src/cluster/discovery/services.ts';
import type { ApiObject } from '../../../../src/cluster/api/objects.ts';
import { Collection } from '../../../../src/cluster/discovery/watch/collection.ts';

const SERVICES = ['a', 'b', 'c'];
const PODS = ['p0', 'p1', 'p2', 'p3'];

type Versioned<T extends ApiObject> = T & { metadata: { resourceVersion: string } };
type Step =
  | { kind: 'slice'; object: Versioned<ApiEndpointSlice>; gone: boolean }
  | { kind: 'service'; object: Versioned<ApiService>; gone: boolean }
  | { kind: 'relist' };

const endpoint = fc.record({
  conditions: fc.record({ ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }),
  addresses: fc.subarray(['10.0.0.1', '10.0.0.2', 'fd00::1'], { maxLength: 2 }),
  targetRef: fc.record({
    kind: fc.constant('Pod'),
    name: fc.constantFrom(...PODS),
    uid: fc.constantFrom('old', 'new'),
  }),
});

const slice = fc
  .record({
    name: fc.constantFrom('s0', 's1', 's2', 's3'),
    service: fc.constantFrom(...SERVICES),
    endpoints: fc.array(endpoint, { maxLength: 4 }),
    port: fc.constantFrom(8080, 9090),
    gone: fc.boolean(),
  })
  .map(({ name, service, endpoints, port, gone }): Step => {
    const labels = { 'kubernetes.io/service-name': service };
    const metadata = { namespace: 'n', name, labels, resourceVersion: '' };
    return { kind: 'slice', gone, object: { metadata, endpoints, ports: [{ name: '', port }] } };
  });

const service = fc
  .record({
    name: fc.constantFrom(...SERVICES),
    clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', 'None'),
    gone: fc.boolean(),
  })
  .map(({ name, clusterIP, gone }): Step => {
    const metadata = { namespace: 'n', name, resourceVersion: '' };
    return { kind: 'service', gone, object: { metadata, spec: { clusterIP, ports: [{ port: 80 }] } } };
  });

const steps = fc.array(fc.oneof(slice, service, fc.constant<Step>({ kind: 'relist' })), { maxLength: 40 });

function podsIn({ readyPods, leavingPods, unreadyPods }: EndpointGroup): EndpointPod[] {
  return readyPods.concat(leavingPods, unreadyPods);
}

/** All objects, as a server has them. */
class Model {
  readonly slices = new Map<string, Versioned<ApiEndpointSlice>>();
  readonly services = new Map<string, Versioned<ApiService>>();

  sets(name: string): EndpointSet[] {
    return [...this.slices.values()]
      .map((one) => decodeEndpointSlice(one))
      .filter((set): set is EndpointSet => set?.service === `n/${name}`);
  }

  records(): ServiceRecord[] {
    return [...this.services.values()].map(decodeService).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  pods(name: string): string[] {
    const ready = this.sets(name).flatMap(({ groups }) => groups.flatMap(({ readyPods }) => readyPods));
    return [...new Set(ready.map(podKey))].sort();
  }

  allPods(): Set<string> {
    const groups = SERVICES.flatMap((name) => this.sets(name)).flatMap(({ groups }) => groups);
    return new Set(groups.flatMap(podsIn).map(podKey));
  }
}

test('events, in whatever order, with lists in between, leave what a full list would', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const model = new Model();
      const left: string[] = [];
      const catalog = new Catalog({
        namespaces: ['n'],
        coalesceMs: 0,
        onPodLeft: (pod) => left.push(podKey(pod)),
      });
      const slices = new Collection<EndpointSet, ApiEndpointSlice>(
        decodeEndpointSlice,
        (key, before, after) => catalog.updateEndpoints(key, before, after),
      );
      const services = new Collection<ServiceRecord, ApiService>(decodeService, (_key, before, after) =>
        catalog.updateService(before, after),
      );
      let version = 0;
      let missed = false;
      for (const step of sequence) {
        if (step.kind === 'relist') {
          for (const [collection, objects] of [
            [slices, model.slices],
            [services, model.services],
          ] as const) {
            const list = collection.beginList();
            // In two pages, as a server may give them.
            const all = [...objects.values()];
            list.page(all.slice(0, 2));
            list.page(all.slice(2));
            list.end();
          }
          missed = false;
          continue;
        }
        const { object, gone } = step;
        object.metadata.resourceVersion = String(++version);
        const before = model.allPods();
        if (step.kind === 'slice') {
          if (gone) model.slices.delete(object.metadata.name);
          else model.slices.set(object.metadata.name, step.object);
        } else if (gone) {
          model.services.delete(object.metadata.name);
        } else {
          model.services.set(object.metadata.name, step.object);
        }
        // A watch that is down misses every fifth change, until the next list.
        missed ||= version % 5 === 0;
        if (missed) continue;
        const collection = step.kind === 'slice' ? slices : services;
        left.length = 0;
        if (gone) collection.delete(object);
        else collection.put(object);
        const now = model.allPods();
        expect(left.sort()).toEqual([...before].filter((key) => !now.has(key)).sort());
      }
      if (missed) return;
      expect(catalog.services).toEqual(model.records());
      for (const name of SERVICES) {
        expect(catalog.endpoints.pods(`n/${name}`).map(podKey).sort()).toEqual(model.pods(name));
      }
      for (const { clusterIPs, name } of model.records()) {
        const holders = model.records().filter((one) => one.clusterIPs.some((ip) => clusterIPs.includes(ip)));
        if (clusterIPs.length > 0 && holders.length === 1)
          expect(catalog.owner(clusterIPs[0])).toMatchObject({ kind: 'service', service: { name } });
      }
    }),
  );
});

test('an address of a pod leads to it, whatever its state, until no object names it', () => {
  fc.assert(
    fc.property(fc.array(slice, { maxLength: 30 }), (sequence) => {
      const model = new Model();
      const catalog = new Catalog({ namespaces: ['n'], coalesceMs: 0, onPodLeft: () => {} });
      for (const name of SERVICES)
        catalog.updateService(undefined, decodeService({ metadata: { namespace: 'n', name }, spec: {} }));
      for (const step of sequence) {
        if (step.kind !== 'slice') continue;
        const { name } = step.object.metadata;
        const before = model.slices.get(name);
        if (step.gone) model.slices.delete(name);
        else model.slices.set(name, step.object);
        catalog.updateEndpoints(
          name,
          before && decodeEndpointSlice(before),
          step.gone ? undefined : decodeEndpointSlice(step.object),
        );
      }
      for (const address of ['10.0.0.1', '10.0.0.2', 'fd00::1']) {
        const owner = catalog.owner(address);
        const holders = SERVICES.flatMap((name) =>
          model.sets(name).flatMap(({ groups }) =>
            groups
              .flatMap(podsIn)
              .filter(({ addresses }) => addresses.includes(address))
              .map(({ label }) => `${name} ${label}`),
          ),
        );
        const found = owner?.kind === 'pod' ? [`${owner.service.name} ${owner.podLabel}`] : [];
        expect(found).toHaveLength(Math.min(holders.length, 1));
        expect(holders).toEqual(expect.arrayContaining(found));
      }
    }),
  );
});
