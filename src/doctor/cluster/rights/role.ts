/** The role to ask for, ready to be applied by whoever may: one for each namespace in which something is missing. */

import type { Right } from './right.ts';

/** What a run uses (docs/access.md): whoever lacks a part of it is best given all. */
const RULES = [
  ruleText('""', 'services'),
  ruleText('discovery.k8s.io', 'endpointslices'),
  '- {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}',
];

function ruleText(group: string, resource: string): string {
  return `- {apiGroups: [${group}], resources: [${resource}], verbs: [list, watch]}`;
}

export function roleFor(missing: readonly Right[]): readonly string[] {
  const namespaces = [...new Set(missing.map(({ namespace }) => namespace))];
  return namespaces
    .map((namespace) =>
      roleText(
        namespace,
        missing.filter((right) => right.namespace === namespace),
      ),
    )
    .join('\n---\n')
    .split('\n');
}

/** For what was picked, pods and workloads are listed as well. */
function roleText(namespace: string | undefined, missing: readonly Right[]): string {
  const listed = missing.filter(({ verb }) => verb === 'list' || verb === 'watch');
  const rules = listed.map(({ group, resource }) => ruleText(group || '""', resource));
  return [
    'apiVersion: rbac.authorization.k8s.io/v1',
    `kind: ${namespace === undefined ? 'ClusterRole' : 'Role'}`,
    `metadata: {name: kns-rootless${namespace === undefined ? '' : `, namespace: ${namespace}`}}`,
    'rules:',
    ...new Set([...RULES, ...rules]),
  ].join('\n');
}
