/**
 * The names that a value may be: of running sandboxes, and what a kubeconfig has.
 *
 * Whoever presses a key waits for them, so nothing is asked of a cluster and no
 * login is run; where they can't be had, there are none.
 */

import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { candidateFiles, type Kubeconfig, loadKubeconfig } from '../../cluster/index.ts';
import { liveNames } from '../../named/registry.ts';
import { stateDirectory } from '../../named/state-directory.ts';
import { SUBCOMMAND_NAMES } from '../subcommand-names.ts';
import type { Definitions } from './complete.ts';

type Source = Definitions['named'][string];

/** By the placeholders of options and arguments. */
export const NAMED: Definitions['named'] = {
  sandbox: orNone(() => liveNames(stateDirectory(process.env))),
  subcommand: async () => SUBCOMMAND_NAMES,
  context: ofKubeconfig(({ contexts }) => contexts.keys()),
  cluster: ofKubeconfig(({ clusters }) => clusters.keys()),
  user: ofKubeconfig(({ users }) => users.keys()),
  namespace: ofKubeconfig(({ contexts }) =>
    [...contexts.values()].flatMap(({ namespace }) => namespace ?? []),
  ),
};

function ofKubeconfig(names: (kubeconfig: Kubeconfig) => Iterable<string>): Source {
  return orNone(async (values) => {
    const given = values.get('kubeconfig') || undefined;
    const file = given?.replace(/^~(?=\/)/, homedir());
    // To open a pipe is to wait for who writes into it.
    if (!candidateFiles(file, process.env).every(isFileOrMissing)) return [];
    return [...new Set(names(await loadKubeconfig(file, process.env, undefined)))];
  });
}

function isFileOrMissing(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
}

/** Without a kubeconfig, or with one that can't be read, it is the run that says so. */
function orNone(source: Source): Source {
  return async (values) => {
    try {
      return await source(values);
    } catch {
      return [];
    }
  };
}
