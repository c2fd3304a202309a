/**
 * Where the user's rights over clusters lie, for a command that is not to have
 * them: the kubeconfig files, what they name, and what login plugins keep.
 */

import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { absolutePath } from '../../sandbox/index.ts';
import type { ContextAccess } from './contexts.ts';
import type { Environment } from './proxy-exceptions.ts';

/** kubectl's own folder, with the caches of login plugins. */
const KUBE_FOLDER = '.kube';
/** Of the pod that we may run in. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io';

/** Paths to hide, whether they exist or not. */
export function credentialFiles(
  contexts: readonly ContextAccess[],
  env: Environment,
  kubeconfig: string | undefined,
): string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const named = contexts.flatMap(({ access }) => access.credentialFiles);
  const files = [...listed, ...(kubeconfig === undefined ? [] : [kubeconfig]), ...named];
  return [join(homedir(), KUBE_FOLDER), SERVICE_ACCOUNT, ...files.map((file) => absolutePath(file))];
}

/** The environment without what leads there. */
export function withoutCredentials(env: Environment): Environment {
  const { KUBECONFIG: _, ...rest } = env;
  return rest;
}
