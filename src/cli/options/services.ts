/** Which Services there are in the sandbox, and under which names. */

import type { Command } from 'commander';
import type { NamespaceChoice } from '../../session/choices.ts';
import { parseNamespace } from '../values/target.ts';
import { repeated } from './repeated.ts';

interface Values {
  readonly namespace?: readonly NamespaceChoice[];
}

export interface ServiceOptions {
  /** None: the context's own. */
  readonly namespaces: readonly NamespaceChoice[];
}

export function addServiceOptions(program: Command): void {
  program
    .optionsGroup('Services:')
    .addOption(
      repeated(
        '-n, --namespace <name>',
        "namespace, may be repeated (default: the context's); context/name: in that context alone",
        parseNamespace,
      ),
    );
}

export function readServiceOptions(program: Command): ServiceOptions {
  const { namespace = [] } = program.opts<Values>();
  return { namespaces: namespace };
}
