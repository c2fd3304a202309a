import { expect, test } from 'vitest';
import { parseClusterDomain, podLabels, serviceNames } from '../../../src/names/service-names.ts';

const web = { namespace: 'e2e', name: 'web' };
const domain = 'cluster.local';

test('a Service has the four names that it has in a pod, the last of them its whole one', () => {
  const names = ['web', 'web.e2e', 'web.e2e.svc', 'web.e2e.svc.cluster.local'];
  expect(serviceNames(web, { domain })).toEqual({ names, canonical: 'web.e2e.svc.cluster.local' });
  expect(serviceNames(web, { domain: 'k8s.corp' }).canonical).toBe('web.e2e.svc.k8s.corp');
});

test('a pod has them with its label in front', () => {
  expect(serviceNames(web, { domain }, 'db-0').names).toEqual([
    'db-0.web',
    'db-0.web.e2e',
    'db-0.web.e2e.svc',
    'db-0.web.e2e.svc.cluster.local',
  ]);
});

test("among several contexts, names that end with the context's label come on top, and the whole one is of those", () => {
  const { names, canonical } = serviceNames(web, { domain, contextLabel: 'prod' });
  expect(names).toEqual([
    'web',
    'web.e2e',
    'web.e2e.svc',
    'web.e2e.svc.cluster.local',
    'web.e2e.prod',
    'web.e2e.svc.prod',
    'web.e2e.svc.cluster.local.prod',
  ]);
  expect(canonical).toBe('web.e2e.svc.cluster.local.prod');
});

test('a pod is called by its label and by its addresses with dashes, and by those alone where the label is none', () => {
  expect(podLabels('db-0', ['10.244.0.5', 'fd00::5'])).toEqual(['db-0', '10-244-0-5', 'fd00--5']);
  expect(podLabels('web.v2', ['10.244.0.5'])).toEqual(['10-244-0-5']);
  expect(podLabels('a'.repeat(64), ['10.244.0.5'])).toEqual(['10-244-0-5']);
});

test.each([
  ['cluster.local', 'cluster.local'],
  ['K8s.Corp.Example.', 'k8s.corp.example'],
])('%s is a domain', (text, domain) => {
  expect(parseClusterDomain(text)).toBe(domain);
});

test.each(['', '.', 'a b', '-x.local', 'x_y.local', `${'a.'.repeat(61)}b`, `${'a'.repeat(64)}.local`])(
  '"%s" is none',
  (text) => {
    expect(() => parseClusterDomain(text)).toThrowError(
      expect.objectContaining({ code: 'CLUSTER_DOMAIN_INVALID' }),
    );
  },
);
