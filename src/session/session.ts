/**
 * One sandbox from start to end.
 *
 *     kubeconfig ─┬─ list Services and endpoints ─┐
 *                 └─ launch the sandbox ──────────┴─ addresses, names, stack ─ start ─ exit code
 *
 * The two long parts run side by side. Where one fails, the other is given up,
 * and the sandbox is gone before the error is reported.
 */

import { randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Cluster } from '../cluster/index.ts';
import { AddressPlan } from '../names/address-plan.ts';
import { hostsFile, nsswitchConf, resolvConf } from '../names/etc-files.ts';
import type { NameTable } from '../names/name-table.ts';
import type { Log } from '../observe/log.ts';
import { type CallerState, launch, type Sandbox } from '../../sandbox/index.ts';
import { Stack } from '../../stack/index.ts';
import { bothOrNeither } from './both-or-neither.ts';
import { type ConnectedContexts, connectContexts, type ContextOptions, loadContexts } from './contexts.ts';
import { Directory } from './directory.ts';
import { Driver } from './driver.ts';
import { attachNetwork } from './network.ts';
import { forwardSignals, keepIgnoring } from './signals.ts';

/** Bytes of an IP packet on kns0: as large as IPv4 allows, less what page alignment likes. */
const MTU = 65_520;

export interface SessionOptions extends ContextOptions {
  readonly command: readonly (string | Uint8Array)[];
  readonly cidr: string;
  readonly caller: CallerState;
  /** Called once all is ready, just before the command starts. */
  readonly onReady: (summary: SessionSummary) => void;
}

/** What the sandbox leads to, context by context. */
export type SessionSummary = readonly {
  readonly context: string;
  readonly namespaces: readonly string[];
  readonly serviceCount: number;
}[];

/** Runs the command. @returns its exit code, 128+n where a signal ended it. Throws Actionable errors. */
export async function runSession(options: SessionOptions): Promise<number> {
  keepIgnoring(options.caller);
  const plan = new AddressPlan(options.cidr);
  const [contexts, sandbox] = await bothOrNeither(
    connectContexts(await loadContexts(options), options),
    (abort) =>
      launch({
        command: options.command,
        caller: options.caller,
        link: {
          address: plan.sandbox,
          prefixLength: plan.prefixLength,
          gateway: plan.gateway,
          mtu: MTU,
        },
        abort,
      }),
  );
  try {
    const { key, cluster } = contexts.find(undefined);
    const directory = new Directory(plan, key, cluster);
    await writeEtc(sandbox, plan.gateway, directory.names);
    const driver = connectNetwork(sandbox, directory, cluster, options.log);
    const signals = await forwardSignals(sandbox);
    try {
      for (const note of sandbox.notes) options.log.info(note);
      options.onReady(summarize(contexts));
      sandbox.start();
      return (await sandbox.exited).code;
    } finally {
      signals.close();
      driver.stop();
    }
  } finally {
    await Promise.all([sandbox.close(), contexts.close()]);
  }
}

function summarize(contexts: ConnectedContexts): SessionSummary {
  return contexts.all.map(({ access, namespaces, cluster }) => ({
    context: access.contextName,
    namespaces,
    serviceCount: cluster.services.length,
  }));
}

function connectNetwork(sandbox: Sandbox, directory: Directory, cluster: Cluster, log: Log): Driver {
  const stack = new Stack({
    device: sandbox.device,
    now: performance.now(),
    random: (bytes) => randomFillSync(bytes),
  });
  attachNetwork(stack, directory, cluster, log);
  return new Driver(sandbox.device, stack);
}

/** The three files by which programs find names. */
async function writeEtc(sandbox: Sandbox, nameServer: string, names: NameTable): Promise<void> {
  const { hosts, resolvConf: resolv, nsswitchConf: nsswitch } = sandbox.files;
  hosts.write(hostsFile(names, await readEtc('hosts'), hostname()));
  resolv.write(resolvConf(nameServer, await readEtc('resolv.conf')));
  nsswitch.write(nsswitchConf(await readEtc('nsswitch.conf')));
}

/** A file of the host's; one that it does not have counts as empty. */
function readEtc(name: string): Promise<string> {
  return readFile(`/etc/${name}`, 'utf8').catch(() => '');
}
