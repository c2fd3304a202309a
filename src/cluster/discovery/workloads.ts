/** Deployments as plain data: the pods that they mean. */
import type { ServiceId } from './services.ts';

/** What is read of a Deployment (apps/v1). */
export interface ApiWorkload {
  metadata: { namespace: string; name: string };
  spec?: {
    selector?: {
      matchLabels?: Record<string, string> | null;
      matchExpressions?: Requirement[] | null;
    } | null;
  };
}

interface Requirement {
  key: string;
  operator: string;
  values?: string[] | null;
}

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
function requirementText({ key, operator, values }: Requirement): string {
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
