/**
 * Which check explains an error of the launcher.
 *
 * Only what depends on the system or the cluster has one: an option that makes
 * no sense explains itself.
 */

import type { CheckId } from './check.ts';

const CHECKS: Readonly<Record<string, CheckId>> = {
  BWRAP_MISSING: 'bubblewrap',
  BWRAP_SETUID: 'bubblewrap',
  USERNS_DENIED: 'user-namespaces',
  PROC_DENIED: 'proc',
  NO_COMPILER: 'native',
  BUILD_FAILED: 'native',
  OPEN_FILES_LIMIT: 'limits',
  TUN_MISSING: 'sandbox',
  TUN_DENIED: 'sandbox',
  VETH_FAILED: 'sandbox',
  LINK_IMPOSSIBLE: 'sandbox',
  NETNS_FAILED: 'sandbox',
  BWRAP_FAILED: 'sandbox',
  SPAWN_FAILED: 'sandbox',
  SETUP_TIMEOUT: 'sandbox',
  KUBECONFIG_MISSING: 'kubeconfig',
  KUBECONFIG_INVALID: 'kubeconfig',
  CONTEXT_UNKNOWN: 'kubeconfig',
  CREDENTIALS_FAILED: 'credentials',
  API_UNREACHABLE: 'api-server',
  PROXY_FAILED: 'api-server',
  API_FAILED: 'api-server',
  UNAUTHORIZED: 'api-server',
  NAMESPACE_UNKNOWN: 'namespaces',
  NAMESPACE_UNVERIFIED: 'rights',
  FORBIDDEN: 'rights',
  FORWARD_REFUSED: 'transports',
  FORWARD_UNANSWERED: 'transports',
};

/** @returns undefined where no check would tell more than the error does */
export function checkOf(code: string): CheckId | undefined {
  return CHECKS[code];
}
