/**
 * User namespaces and a /proc of their own, by really making them.
 *
 * bubblewrap makes them, as in a run: AppArmor decides by the program that
 * asks. A network namespace is made with them, since some policies let the
 * user namespace be made, and deny its rights at the loopback interface.
 */

import { execFile } from 'node:child_process';
import { appArmorProfile, explainBwrap, findBwrap, userNamespaceDenial } from '../../../sandbox/index.ts';
import { type Check, failed, type Finding, ok } from '../check.ts';
import type { HostContext } from './context.ts';
import { plain } from './plain.ts';

const TRIAL = [
  '--unshare-user',
  '--unshare-net',
  '--unshare-pid',
  '--unshare-ipc',
  '--cap-drop',
  'ALL',
  '--die-with-parent',
];

/** To run in them: Node is there, whatever PATH leads to. */
const SOMETHING = [process.execPath, '--version'];

export const userNamespaces: Check<HostContext> = {
  id: 'user-namespaces',
  title: 'user namespaces',
  needs: ['bubblewrap'],
  timeoutMs: 10_000,
  run: ({ env }, signal) =>
    tryOut(env, ['--dev-bind', '/', '/'], 'one was made, with a network, pids and ipc of its own', signal),
};

export const proc: Check<HostContext> = {
  id: 'proc',
  title: "a /proc of the sandbox's own",
  needs: ['user-namespaces'],
  timeoutMs: 10_000,
  run: ({ env }, signal) =>
    tryOut(env, ['--dev-bind', '/', '/', '--proc', '/proc'], 'it was mounted', signal),
};

async function tryOut(
  env: NodeJS.ProcessEnv,
  view: readonly string[],
  passed: string,
  signal: AbortSignal,
): Promise<Finding> {
  const bwrap = findBwrap(env['PATH']);
  const [file, ...first] = await plain(bwrap);
  const { code, complaint } = await end(file, [...first, ...TRIAL, ...view, ...SOMETHING], signal);
  if (code === 0) return ok(passed);
  const error = explainBwrap(complaint, code);
  const profile = error.code === 'USERNS_DENIED' && userNamespaceDenial(complaint).wantsProfile === true;
  return failed(error, profile ? { notes: appArmorProfile(bwrap) } : {});
}

function end(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number | undefined; complaint: string }> {
  return new Promise((resolve) => {
    execFile(file, args, { signal, cwd: '/' }, (error, _stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
      resolve({ code, complaint: stderr });
    });
  });
}
