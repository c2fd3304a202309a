/**
 * The kubeconfig of a program that runs in a pod: what Kubernetes mounts there.
 *
 * "Accessing the Kubernetes API from a Pod": the server by two environment
 * variables, the token, authority and namespace as files. The token is renewed
 * about every hour by the kubelet, so it stays a file here.
 */
import { promises as files } from 'node:fs';
import { join } from 'node:path';
import { hostAndPort } from '../../host-and-port.ts';
import type { KubeconfigDocument } from './document.ts';
import { parseKubeconfig } from './document.ts';

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const NAME = 'in-cluster';

/** @returns undefined outside a pod */
export async function serviceAccount(
  env: NodeJS.ProcessEnv,
  folder: string = FOLDER,
): Promise<KubeconfigDocument | undefined> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) return undefined;
  const tokenFile = join(folder, 'token');
  const [token, namespace] = await Promise.all(
    [tokenFile, join(folder, 'namespace')].map((file) => files.readFile(file, 'utf8').catch(() => '')),
  );
  if (!token) return undefined;
  const content = JSON.stringify({
    clusters: [
      {
        name: NAME,
        cluster: {
          server: `https://${hostAndPort(host, port)}`,
          'certificate-authority': join(folder, 'ca.crt'),
        },
      },
    ],
    users: [{ name: NAME, user: { tokenFile } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME, namespace: namespace?.trim() } }],
    'current-context': NAME,
  });
  return parseKubeconfig(content, '');
}
