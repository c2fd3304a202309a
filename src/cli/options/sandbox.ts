/** What the command finds around it besides the network: files, ids, privileges. */

import type { Command } from 'commander';
import type { FileOptions, Mount, PrivilegeOptions } from '../../../sandbox/index.ts';
import { given } from '../values/given.ts';
import { parseMount, parsePlace } from '../values/mount.ts';
import { parseWhole } from '../values/whole.ts';
import { repeated } from './repeated.ts';

interface Values {
  readonly ro?: true;
  readonly privateHome?: true;
  readonly privateTmp?: true;
  readonly isolate?: true;
  readonly mounts: readonly Mount[];
  /** commander's --no-… */
  readonly noKubeconfig?: true;
  readonly uid?: number;
  readonly gid?: number;
  readonly netAdmin?: true;
  readonly nestedUserns: boolean;
  readonly sharePid?: true;
}

export interface SandboxOptions {
  readonly files: FileOptions;
  readonly privilege: PrivilegeOptions;
  /** Kubeconfig and credentials are not for the command. */
  readonly hideKubeconfig: boolean;
}

export function addSandboxOptions(program: Command): void {
  // Of four options, in the order in which they are given: a later mount covers an earlier one.
  const mounts: Mount[] = [];
  const mount = (flags: string, description: string, read: (text: string) => Mount) =>
    repeated(flags, description, (text) => mounts.push(read(text)));
  program
    .setOptionValue('mounts', mounts)
    .optionsGroup('Files:')
    .option('--ro', "the host's files are read-only, but for the working directory")
    .option('--private-home', 'an empty home directory')
    .option('--private-tmp', 'an empty /tmp and /var/tmp')
    .option('--isolate', 'hide what leads out without a packet: D-Bus, docker.sock, ssh-agent, …')
    .addOption(
      mount('--bind <src[:dst]>', 'show this file or directory there, may be repeated', (text) =>
        parseMount(text, 'bind'),
      ),
    )
    .addOption(mount('--ro-bind <src[:dst]>', 'the same, read-only', (text) => parseMount(text, 'ro-bind')))
    .addOption(
      mount('--tmpfs <directory>', 'an empty directory there, may be repeated', (text) =>
        parsePlace(text, 'tmpfs'),
      ),
    )
    .addOption(
      mount('--hide <path>', 'hide this file or directory, may be repeated', (text) =>
        parsePlace(text, 'hide'),
      ),
    );
  addKubeconfigSwitch(program);
  program
    .optionsGroup('Process:')
    .option('--uid <id>', 'user inside; outside it is yours', (text) => parseWhole(text, '--uid'))
    .option('--gid <id>', 'group inside', (text) => parseWhole(text, '--gid'))
    .option('--net-admin', "administer the sandbox's own network")
    .option('--no-nested-userns', 'no user namespaces in the sandbox')
    .option('--share-pid', "see the host's processes, and leave daemons running");
}

export function readSandboxOptions(program: Command): SandboxOptions {
  const values = program.opts<Values>();
  const { ro, privateHome, privateTmp, isolate, mounts, uid, gid, netAdmin, sharePid } = values;
  return {
    files: { mounts, ...given({ readOnly: ro, privateHome, privateTmp, isolate }) },
    privilege: { nestedUserNamespaces: values.nestedUserns, ...given({ uid, gid, netAdmin, sharePid }) },
    hideKubeconfig: values.noKubeconfig ?? false,
  };
}

/** To commander, --no-kubeconfig would be the contrary of --kubeconfig; here the two go together. */
function addKubeconfigSwitch(program: Command): void {
  const option = program.createOption(
    '--no-kubeconfig',
    'hide kubeconfig files and credentials from the command',
  );
  option.negate = false;
  program.addOption(option);
}
