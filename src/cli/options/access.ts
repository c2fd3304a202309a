/** Which clusters are meant, and as whom: kubectl's options under kubectl's names. */

import { type Command, Option } from 'commander';
import { TRANSPORTS, type TransportName } from '../../cluster/index.ts';
import { UsageError } from '../../errors.ts';
import type { ContextOptions } from '../../session/contexts.ts';
import { given } from '../values/given.ts';
import { asGiven, repeated } from './repeated.ts';

interface Values {
  readonly context?: readonly string[];
  readonly kubeconfig?: string;
  readonly cluster?: string;
  readonly user?: string;
  readonly token?: string;
  readonly as?: string;
  readonly asGroup?: readonly string[];
  readonly asUid?: string;
  readonly requestTimeout?: string;
  readonly insecureSkipTlsVerify?: true;
  readonly transport?: TransportName;
  readonly demo?: true;
}

type Access =
  | 'kubeconfig'
  | 'cluster'
  | 'user'
  | 'token'
  | 'as'
  | 'asGroups'
  | 'asUid'
  | 'requestTimeout'
  | 'insecureSkipTlsVerify';

export interface AccessOptions extends Pick<ContextOptions, 'contexts' | 'transport' | Access> {
  readonly demo: boolean;
}

/** What names a part of one login, and would go to a stranger if it went to every context. */
const OF_ONE_CONTEXT = ['cluster', 'user', 'token'] as const;

export function addAccessOptions(program: Command): void {
  program
    .optionsGroup('Clusters:')
    .addOption(repeated('--context <context>', 'context of the kubeconfig, may be repeated', asGiven))
    .option('--kubeconfig <path>', 'kubeconfig file, instead of $KUBECONFIG or ~/.kube/config')
    .option('--cluster <cluster>', "cluster of the kubeconfig, instead of the context's")
    .option('--user <user>', "user of the kubeconfig, instead of the context's")
    .option('--token <token>', 'bearer token; other users of this machine see it in the process list')
    .option('--as <name>', 'act as this user')
    .addOption(repeated('--as-group <group>', 'and as a member of this group, may be repeated', asGiven))
    .option('--as-uid <uid>', 'and with this UID')
    .option('--request-timeout <time>', 'for each request to the API server: 30s, 2m; 0 for no limit')
    .option('--insecure-skip-tls-verify', 'take whoever answers for the API server')
    .addOption(new Option('--transport <name>', 'the one way to forward to use').choices(TRANSPORTS))
    .addOption(new Option('--demo', 'use an embedded cluster').conflicts(['context', 'kubeconfig']));
}

/** To kubectl, an empty value is none: `--context "$CONTEXT"`, where that is not set. Throws `LOGIN_FOR_SEVERAL`. */
export function readAccessOptions(program: Command): AccessOptions {
  const { context = [], asGroup, demo = false, ...rest } = program.opts<Values>();
  const contexts = [...new Set(context)].filter((name) => name !== '');
  const values = withoutEmpty(rest);
  const shared = OF_ONE_CONTEXT.find((name) => values[name] !== undefined);
  if (contexts.length > 1 && shared !== undefined) {
    throw new UsageError(
      'LOGIN_FOR_SEVERAL',
      `--${shared} is meant for one context, and ${contexts.length} are asked for`,
      'put it into the kubeconfig, into the context that it belongs to',
    );
  }
  const { kubeconfig, cluster, user, token, as, asUid } = values;
  const { requestTimeout, insecureSkipTlsVerify, transport } = values;
  return {
    contexts,
    demo,
    ...given({ kubeconfig, cluster, user, token, as, asGroups: asGroup, asUid }),
    ...given({ requestTimeout, insecureSkipTlsVerify, transport }),
  };
}

function withoutEmpty<T extends object>(values: T): Partial<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== '');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.fromEntries can't tell which keys are left
  return Object.fromEntries(entries) as Partial<T>;
}
