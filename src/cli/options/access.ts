/** Which clusters are meant, and as whom: kubectl's options under kubectl's names. */

import { type Command, Option } from 'commander';
import { given } from '../values/given.ts';
import { asGiven, repeated } from './repeated.ts';

interface Values {
  readonly context?: readonly string[];
  readonly kubeconfig?: string;
  readonly demo?: true;
}

export interface AccessOptions {
  /** None: the kubeconfig's current one. */
  readonly contexts: readonly string[];
  readonly kubeconfig?: string;
  readonly demo: boolean;
}

export function addAccessOptions(program: Command): void {
  program
    .optionsGroup('Clusters:')
    .addOption(repeated('--context <name>', 'context of the kubeconfig, may be repeated', asGiven))
    .option('--kubeconfig <path>', 'kubeconfig file, instead of $KUBECONFIG or ~/.kube/config')
    .addOption(new Option('--demo', 'use an embedded cluster').conflicts(['context', 'kubeconfig']));
}

export function readAccessOptions(program: Command): AccessOptions {
  const { context = [], kubeconfig, demo = false } = program.opts<Values>();
  return { contexts: [...new Set(context)], demo, ...given({ kubeconfig }) };
}
