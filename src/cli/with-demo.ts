/** The kubeconfig of `--demo`, for as long as it is worked with. */

interface KubeconfigText {
  readonly kubeconfigText?: string;
}

export async function withDemo<T>(demo: boolean, work: (given: KubeconfigText) => Promise<T>): Promise<T> {
  if (!demo) return work({});
  const { startDemoCluster } = await import('./demo.ts');
  const cluster = await startDemoCluster();
  try {
    return await work({ kubeconfigText: cluster.kubeconfig });
  } finally {
    await cluster.close();
  }
}
