/** Deployments and StatefulSets as plain data: the pods that they mean. */
import type { V1DeploymentSpec, V1LabelSelectorRequirement } from '@kubernetes/client-node';
import type { Json, Namespaced } from '../api/objects.ts';
import type { ServiceId } from './services.ts';

/** What is read of them; the selector is the same in all. */
export type ApiWorkload = Namespaced<{ spec?: Pick<V1DeploymentSpec, 'selector'> }>;

export interface WorkloadRecord extends ServiceId {
  /** As a list of pods takes it. */
  readonly labelSelector: string;
}

export function decodeWorkload({ metadata, spec }: ApiWorkload): WorkloadRecord {
  const { matchLabels, matchExpressions } = spec?.selector ?? {};
  const requirements = [
    ...Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(matchExpressions ?? []).map(requirementText),
  ];
  const { namespace, name } = metadata;
  return { namespace, name, labelSelector: requirements.join(',') };
}

/** The four operators of metav1.LabelSelectorRequirement, in the words of a selector string. */
function requirementText({ key, operator, values }: Json<V1LabelSelectorRequirement>): string {
  const list = `(${(values ?? []).join(',')})`;
  switch (operator) {
    case 'In':
      return `${key} in ${list}`;
    case 'NotIn':
      return `${key} notin ${list}`;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return key;
  }
}
