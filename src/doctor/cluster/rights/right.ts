/** What an account may do, as RBAC has it; and the paths at which it would be done. */

export interface Right {
  readonly verb: 'list' | 'watch' | 'get' | 'create';
  /** '' is the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** Of one object alone, as `resourceNames` of a role may allow it. */
  readonly name?: string;
  /** Absent: in all namespaces, or of a resource that has none. */
  readonly namespace?: string;
}

/** As kubectl and roles write it: `endpointslices.discovery.k8s.io`, `pods/portforward`. */
function resourceText({ group, resource, subresource }: Omit<Right, 'verb' | 'namespace'>): string {
  return `${resource}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** `list services in namespace "shop"`. */
export function rightText(right: Right): string {
  const where = right.namespace === undefined ? 'in all namespaces' : `in namespace "${right.namespace}"`;
  return `${right.verb} ${resourceText(right)} ${where}`;
}
