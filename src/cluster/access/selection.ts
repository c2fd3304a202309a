/**
 * The one cluster and user that are meant, with the command line's say over the kubeconfig's.
 *
 * As client-go merges overrides: what is given replaces that field alone, so
 * that `--as` keeps the groups of the file, and `--as-group` its user. A token
 * file of the kubeconfig stays ahead of `--token`, as with kubectl.
 */
import type { Context } from '@kubernetes/client-node';
import { ClusterError } from '../errors.ts';
import type { KubeconfigDocument } from './document.ts';
import type { ClusterEntry, UserEntry } from './entries.ts';

export interface Overrides {
  /** Without it the kubeconfig's current one. */
  readonly context?: string;
  /** The name of a cluster of the kubeconfig, instead of the context's. */
  readonly cluster?: string;
  /** The name of a user of the kubeconfig, instead of the context's. */
  readonly user?: string;
  readonly token?: string;
  /** Impersonation; the groups and the uid need a user. */
  readonly as?: string;
  readonly asGroups?: readonly string[];
  readonly asUid?: string;
  /** Whoever answers is taken for the server. */
  readonly insecureSkipTlsVerify?: boolean;
}

export interface Selection {
  readonly contextName: string;
  readonly clusterName: string;
  readonly userName: string;
  readonly namespace: string;
  readonly cluster: ClusterEntry;
  readonly user: UserEntry;
  /** As the kubeconfig has it. */
  readonly context: Context;
}

const NOBODY: UserEntry = {
  name: '',
  tokenFile: '',
  impersonateUid: '',
  impersonateGroups: [],
  impersonateExtra: {},
  exec: undefined,
  authProvider: undefined,
  origin: '',
};

export function select(kubeconfig: KubeconfigDocument, overrides: Overrides): Selection {
  const contextName = overrides.context ?? kubeconfig.currentContext;
  const context = kubeconfig.contexts.get(contextName);
  if (!context) {
    throw new ClusterError(
      'CONTEXT_UNKNOWN',
      contextName === ''
        ? 'the kubeconfig has no current context'
        : `the kubeconfig has no context "${contextName}"`,
      `choose one with --context: ${choices(kubeconfig.contexts.keys())}`,
    );
  }

  /** An entry by its name, which is the option's or else the context's. */
  const named = <T>(kind: 'cluster' | 'user', entries: ReadonlyMap<string, T>): [string, T | undefined] => {
    const asked = overrides[kind];
    const name = asked ?? context[kind];
    const entry = entries.get(name);
    if (entry || (kind === 'user' && name === '')) return [name, entry];
    throw new ClusterError(
      'KUBECONFIG_INVALID',
      asked === undefined
        ? `context "${contextName}" names the ${kind} "${name}", which the kubeconfig does not have`
        : `the kubeconfig has no ${kind} "${name}"`,
      asked === undefined
        ? 'correct the context, or choose another with --context'
        : `choose one with --${kind}: ${choices(entries.keys())}`,
    );
  };
  const [clusterName, cluster] = named('cluster', kubeconfig.clusters);
  const [userName, user = NOBODY] = named('user', kubeconfig.users);
  if (!cluster) throw new Error('a cluster without an entry'); // `named` has thrown
  return {
    contextName,
    clusterName,
    userName,
    context,
    namespace: context.namespace || 'default',
    cluster: overrides.insecureSkipTlsVerify ? unverified(cluster) : cluster,
    user: {
      ...user,
      token: overrides.token || user.token || '',
      impersonateUser: overrides.as || user.impersonateUser || '',
      impersonateUid: overrides.asUid || user.impersonateUid,
      impersonateGroups: overrides.asGroups?.length ? overrides.asGroups : user.impersonateGroups,
    },
  };
}

/** client-go drops the authority along with it: to have both is an error. */
function unverified(cluster: ClusterEntry): ClusterEntry {
  return { ...cluster, skipTLSVerify: true, caFile: '', caData: '' };
}

function choices(names: Iterable<string>): string {
  return [...names].join(', ') || '(it has none)';
}
