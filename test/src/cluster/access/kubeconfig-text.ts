/** A kubeconfig of one context, as a test needs it. JSON is YAML. */

export interface KubeconfigParts {
  readonly cluster: object;
  readonly user?: object;
  readonly context?: object;
}

export function kubeconfigText({ cluster, user = {}, context = {} }: KubeconfigParts): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...context } }],
    'current-context': 'x',
  });
}
