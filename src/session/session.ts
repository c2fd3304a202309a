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
import { AddressPlan } from '../names/address-plan.ts';
import { podSearchList } from '../names/etc/resolv-conf.ts';
import type { Log } from '../observe/log.ts';
import { type CallerState, launch, type Sandbox } from '../../sandbox/index.ts';
import { Stack } from '../../stack/index.ts';
import { bothOrNeither } from './both-or-neither.ts';
import { type ConnectedContexts, connectContexts, type ContextOptions, loadContexts } from './contexts.ts';
import { Driver } from './driver.ts';
import { EtcWriter } from './etc-writer.ts';
import { Directory } from './routing/directory.ts';
import { attachNetwork } from './routing/network.ts';
import { forwardSignals, keepIgnoring } from './signals.ts';

/** Bytes of an IP packet on kns0: as large as IPv4 allows, less what page alignment likes. */
const MTU = 65_520;

export interface SessionOptions extends ContextOptions {
  readonly command: readonly (string | Uint8Array)[];
  readonly cidr: string;
  readonly cidr6: string;
  readonly clusterDomain: string;
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
  const plan = new AddressPlan(options.cidr, options.cidr6);
  const [contexts, sandbox] = await bothOrNeither(
    connectContexts(await loadContexts(options), options),
    (abort) =>
      launch({
        command: options.command,
        caller: options.caller,
        link: {
          ...linkAddress(plan, 0),
          ipv6: linkAddress(plan, 1),
          mtu: MTU,
        },
        abort,
      }),
  );
  try {
    const { clusterDomain: domain, log } = options;
    const directory = new Directory({ plan, contexts: contexts.all, domain, log });
    const [firstNamespace] = contexts.find(undefined).namespaces;
    const etc = await EtcWriter.start({
      files: sandbox.files,
      names: directory.names,
      nameServer: plan.gateway[0],
      search: podSearchList(firstNamespace, domain),
    });
    directory.onNamesChanged = () => etc.namesChanged();
    const driver = connectNetwork(sandbox, directory, log);
    const signals = await forwardSignals(sandbox);
    try {
      for (const note of sandbox.notes) options.log.info(note);
      options.onReady(summarize(contexts));
      sandbox.start();
      return (await sandbox.exited).code;
    } finally {
      signals.close();
      etc.close();
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

/** One family's part of the link: IPv4 is 0, IPv6 is 1. */
function linkAddress(plan: AddressPlan, family: 0 | 1) {
  const { sandbox, prefixLengths, gateway } = plan;
  return { address: sandbox[family], prefixLength: prefixLengths[family], gateway: gateway[family] };
}

function connectNetwork(sandbox: Sandbox, directory: Directory, log: Log): Driver {
  const stack = new Stack({
    device: sandbox.device,
    framing: sandbox.device.framing,
    now: performance.now(),
    random: (bytes) => randomFillSync(bytes),
  });
  attachNetwork({ stack, directory, log });
  return new Driver(sandbox.device, stack);
}
