/** The role to ask for, ready to be applied by whoever may: one for each namespace in which something is missing. */

import type { Right } from './right.ts';

/** What a run uses (docs/access.md): whoever lacks a part of it is best given all. */
const RULES = [
  '- {apiGroups: [""], resources: [services], verbs: [list, watch]}',
  '- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}',
  '- {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}',
];

export function roleFor(missing: readonly Right[]): readonly string[] {
  const namespaces = [...new Set(missing.map(({ namespace }) => namespace))];
  return namespaces
    .map((namespace) => roleText(namespace))
    .join('\n---\n')
    .split('\n');
}

function roleText(namespace: string | undefined): string {
  return [
    'apiVersion: rbac.authorization.k8s.io/v1',
    `kind: ${namespace === undefined ? 'ClusterRole' : 'Role'}`,
    `metadata: {name: kns-rootless${namespace === undefined ? '' : `, namespace: ${namespace}`}}`,
    'rules:',
    ...RULES,
  ].join('\n');
}
