import { expect, test } from 'vitest';
import { contextLabels } from '../../../src/session/context-labels.ts';

const labels = (...contexts: string[]) => contextLabels(contexts).map(({ label }) => label);

test.each([
  ['prod', 'prod'],
  ['kind-Dev', 'kind-dev'],
  ['admin@k3s.local', 'admin-k3s-local'],
  ['arn:aws:eks:eu-west-1:1234:cluster/shop', 'arn-aws-eks-eu-west-1-1234-cluster-shop'],
  ['default/api-crc-testing:6443/kubeadmin', 'default-api-crc-testing-6443-kubeadmin'],
  ['_x_', 'x'],
  ['日本', 'context'],
  [`${'x'.repeat(62)}/y`, 'x'.repeat(62)],
])('%s is called %s', (context, label) => {
  expect(labels(context)).toEqual([label]);
});

test('contexts that come out as the same are numbered, and it is said whose the name was', () => {
  expect(contextLabels(['a/b', 'a.b', 'a-b-2', 'A_B'])).toEqual([
    { context: 'a/b', label: 'a-b' },
    { context: 'a.b', label: 'a-b-2', takenBy: 'a/b' },
    { context: 'a-b-2', label: 'a-b-2-2', takenBy: 'a.b' },
    { context: 'A_B', label: 'a-b-3', takenBy: 'a/b' },
  ]);
  const long = 'x'.repeat(63);
  expect(labels(`${long}1`, `${long}2`)).toEqual([long, `${'x'.repeat(61)}-2`]);
});
