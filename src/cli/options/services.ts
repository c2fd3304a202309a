/** Which Services there are in the sandbox, and under which names. */

import { type Command, Option } from 'commander';
import type { Alias, NamespaceChoice, Target, Wait } from '../../session/choices.ts';
import type { ContextOptions } from '../../session/contexts.ts';
import { given } from '../values/given.ts';
import { parseAlias, parseNamespace, parseTarget, parseWait } from '../values/target.ts';
import { repeated } from './repeated.ts';

interface Values {
  readonly namespace?: readonly NamespaceChoice[];
  readonly allNamespaces?: true;
  readonly selector?: string;
  readonly pick?: readonly Target[];
  readonly alias?: readonly Alias[];
  readonly wait?: readonly Wait[];
}

export type ServiceOptions = Pick<
  ContextOptions,
  'namespaces' | 'allNamespaces' | 'selector' | 'picks' | 'aliases' | 'waits'
>;

export function addServiceOptions(program: Command): void {
  program
    .optionsGroup('Services:')
    .addOption(
      repeated(
        '-n, --namespace <namespace>',
        "namespace, may be repeated (default: the context's)",
        parseNamespace,
      ).conflicts('allNamespaces'),
    )
    .addOption(
      new Option('-A, --all-namespaces', "all namespaces; bare names belong to the context's").conflicts(
        'namespace',
      ),
    )
    .option('-l, --selector <labels>', 'only Services with these labels: app=web,tier!=test')
    .addOption(
      repeated('--pick <target>', 'only this svc/, pod/, deploy/ or sts/name, may be repeated', (text) =>
        parseTarget(text, '--pick'),
      ).conflicts(['allNamespaces', 'selector']),
    )
    .addOption(
      repeated(
        '--alias <name=target>',
        'one more name: api.example.com=svc/web, may be repeated',
        parseAlias,
      ),
    )
    .addOption(
      repeated(
        '--wait <target[=time]>',
        'start once it has a ready pod: svc/web=60s, may be repeated (default: 60s)',
        parseWait,
      ),
    );
}

export function readServiceOptions(program: Command): ServiceOptions {
  const {
    namespace = [],
    allNamespaces = false,
    selector,
    pick = [],
    alias = [],
    wait = [],
  } = program.opts<Values>();
  return {
    namespaces: namespace,
    allNamespaces,
    picks: pick,
    aliases: alias,
    waits: wait,
    ...given({ selector }),
  };
}
