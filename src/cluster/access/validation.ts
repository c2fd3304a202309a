/**
 * What kubectl refuses of a kubeconfig before it sends anything (client-go,
 * `clientcmd/validation.go` and `rest.TLSConfigFor`), each with what to do.
 */
import { ClusterError } from '../errors.ts';
import { execProblem } from './credentials/plugin/exec-plugin.ts';
import type { Selection } from './selection.ts';

const REMOVED_PROVIDERS: Readonly<Record<string, string>> = {
  gcp: 'gke-gcloud-auth-plugin',
  azure: 'kubelogin',
};

/** @throws ClusterError for the first that is wrong */
export function validate(selection: Selection): void {
  validateServer(selection);
  validateUser(selection);
  validateProvider(selection);
}

function validateServer({ cluster, clusterName }: Selection): void {
  const label = `cluster "${clusterName}"`;
  const server = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (server?.protocol !== 'https:' && server?.protocol !== 'http:') {
    refuse(
      `the server of ${label} is no http or https URL: ${cluster.server || '(none)'}`,
      `correct it: kubectl config set-cluster ${clusterName} --server=https://…`,
    );
  }
  const { caFile, caData, skipTLSVerify } = cluster;
  refuseBoth(label, 'certificate-authority', caFile, caData);
  if (skipTLSVerify && (caFile || caData)) {
    refuse(
      `${label} has a certificate authority, and insecure-skip-tls-verify that makes it void`,
      'remove one of them from the kubeconfig',
    );
  }
}

function validateUser({ user, userName }: Selection): void {
  const label = `user "${userName}"`;
  refuseBoth(label, 'client-certificate', user.certFile, user.certData);
  refuseBoth(label, 'client-key', user.keyFile, user.keyData);
  const certificate = Boolean(user.certFile || user.certData);
  const key = Boolean(user.keyFile || user.keyData);
  if (certificate !== key) {
    refuse(
      `${label} has a client ${certificate ? 'certificate without its key' : 'key without its certificate'}`,
      `add it: kubectl config set-credentials ${userName} --client-${certificate ? 'key' : 'certificate'}=FILE`,
    );
  }
  if (user.token && user.username) {
    refuse(`${label} has both a token and a name with password`, 'remove one of them, or leave out --token');
  }
  const { impersonateUser, impersonateUid, impersonateGroups, impersonateExtra } = user;
  const extra = Object.keys(impersonateExtra).length > 0;
  if (!impersonateUser && (impersonateUid || impersonateGroups.length > 0 || extra)) {
    refuse(
      `${label} is to have the groups or the uid of another, without a name`,
      'name the other with --as',
    );
  }
  if (user.exec && user.authProvider) {
    refuse(`${label} has both an exec plugin and an auth-provider`, 'remove the auth-provider');
  }
  const problem = user.exec && execProblem(user.exec);
  if (problem !== undefined) {
    refuse(`the exec plugin of ${label} ${problem}`, 'correct the user, or have its tool write it again');
  }
}

function validateProvider({ user, userName, contextName }: Selection): void {
  const provider = user.authProvider?.name;
  if (provider === undefined || provider === 'oidc') return;
  const plugin = REMOVED_PROVIDERS[provider];
  throw new ClusterError(
    'CREDENTIALS_FAILED',
    `user "${userName}" has the auth-provider "${provider}", which Kubernetes ${plugin === undefined ? 'does not know' : 'has removed'}`,
    plugin === undefined
      ? `use a login plugin instead, and check with: kubectl --context ${contextName} get --raw /version`
      : `use the login plugin ${plugin} instead: install it, and have your cloud's tool write the kubeconfig again`,
  );
}

function refuseBoth(label: string, field: string, file: string | undefined, data: string | undefined): void {
  if (!file || !data) return;
  refuse(`${label} has both ${field} and ${field}-data`, 'remove one of them from the kubeconfig');
}

function refuse(what: string, remedy: string): never {
  throw new ClusterError('KUBECONFIG_INVALID', what, remedy);
}
