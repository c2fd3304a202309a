/**
 * One sandbox from start to end.
 *
 *     kubeconfig ─┬─ list Services and endpoints ─┐
 *                 └─ launch the sandbox ──────────┴─ addresses, names, stack ─ start ─ exit code
 *
 * The two long parts run side by side. Where one fails, the other is given up,
 * and the sandbox is gone before the error is reported. Lists of thousands are
 * read while the command runs, where nothing of what was asked for hangs on it.
 */

import { AddressPlan } from '../names/address-plan.ts';
import {
  type CallerState,
  type CommandEnd,
  type FileOptions,
  KUBECONFIG_FILE,
  launch,
  type LaunchOptions,
  type LinkOptions,
  type Sandbox,
  type SignalWatch,
  visibleEnvironment,
  visibleFiles,
} from '../../sandbox/index.ts';
import { HostPortSet, publish, type Published } from '../publish/index.ts';
import type { LoopbackServers } from './api-server/loopback.ts';
import { openLoopbackServers } from './api-server/open.ts';
import { bothOrNeither } from './both-or-neither.ts';
import { type Capture, openCapture } from './capture.ts';
import {
  type ConnectedContexts,
  connectContexts,
  type ContextAccess,
  type ContextOptions,
  loadContexts,
  selectionText,
} from './contexts.ts';
import { credentialFiles } from './credential-files.ts';
import { commandEnvironment } from './environment.ts';
import { mustBeSelected } from './find-published.ts';
import { CommandKubeconfig } from './kubeconfig.ts';
import { linkOptions } from './link.ts';
import { type Egress, openEgress } from './outside/egress.ts';
import { type EgressChoice, readEgressSettings } from './outside/settings.ts';
import {
  announceNameServer,
  type NetworkParts,
  openNetwork,
  type SandboxNetwork,
  type SandboxNetworkOptions,
} from './sandbox-network.ts';
import type { Environment } from './proxy-exceptions.ts';
import { loopbackProxyNotes } from './proxy-notes.ts';
import { PublishedTargets } from './published-targets.ts';
import { endOnSignals, forwardSignals, keepIgnoring } from './signals.ts';
import type { StandingSession, Traffic } from './standing.ts';
import { waitForAll } from './waits.ts';

export interface SessionOptions
  extends ContextOptions,
    SandboxNetworkOptions,
    EgressChoice,
    Required<Pick<LaunchOptions, 'files' | 'privilege' | 'fds'>>,
    Pick<LaunchOptions, 'command' | 'locked'> {
  /** By which others find it. */
  readonly name: string;
  readonly cidr: string;
  readonly cidr6: string;
  readonly link: NonNullable<LinkOptions['kind']>;
  readonly caller: CallerState;
  /** Where each flow and its verdict are written down. */
  readonly auditFile?: string;
  /** Where each packet of the sandbox's interface is written down. */
  readonly pcapFile?: string;
  /** The command is not to have the user's rights over the clusters. */
  readonly hideKubeconfig: boolean;
  /** This process ends with the session: connections to the API servers are left for the kernel to close. */
  readonly endsProcess: boolean;
  /** Called once all is ready, just before the command starts. */
  readonly onReady: (summary: SessionSummary) => void;
  /** The same, for who looks after the session from then on. */
  readonly onStanding: (session: StandingSession) => void;
}

/** What the sandbox leads to, context by context. */
export type SessionSummary = readonly {
  readonly context: string;
  /** As the user is told: `namespaces shop, billing`. */
  readonly selection: string;
  readonly namespaces: readonly string[];
  readonly serviceCount: number;
}[];

/**
 * Runs the command; without one, the sandbox stands until it is ended.
 *
 * @returns how it ended. Throws Actionable errors.
 */
export async function runSession(options: SessionOptions): Promise<CommandEnd> {
  keepIgnoring(options.caller);
  const plan = new AddressPlan(options.cidr, options.cidr6);
  const settings = await readEgressSettings(options);
  const { pcapFile, log } = options;
  const egress = await openEgress({ settings, ...options });
  let capture: Capture | undefined;
  try {
    if (pcapFile !== undefined) capture = await openCapture(pcapFile, log);
    return await runWith({ egress, plan, ...(capture && { capture }) }, options);
  } finally {
    await Promise.all([egress.close(), capture?.close()]);
  }
}

async function runWith(
  { egress, plan, capture }: Pick<NetworkParts, 'egress' | 'plan' | 'capture'>,
  options: SessionOptions,
): Promise<CommandEnd> {
  const loaded = await loadContexts(options);
  mustBeSelected(loaded, options);
  const { command, locked, caller, privilege, fds, link } = options;
  const files = commandFiles(loaded, options);
  const kubeconfig = new CommandKubeconfig(loaded, () => visibleFiles({ files, privilege }));
  const connecting = connectContexts(loaded, options);
  const environmentFor = (env: Environment) =>
    commandEnvironment(env, { contexts: loaded, connecting, kubeconfig }, options);
  const [contexts, sandbox] = await bothOrNeither(connecting, async (abort) => {
    return launch({
      caller,
      env: await environmentFor(process.env),
      files,
      privilege,
      fds,
      link: linkOptions(plan, link),
      abort,
      ...(command === undefined ? {} : { command }),
      ...(locked === undefined ? {} : { locked }),
    });
  });
  let published: Published | undefined;
  let loopback: LoopbackServers | undefined;
  let network: SandboxNetwork | undefined;
  let signals: SignalWatch | undefined;
  try {
    if (!options.hideKubeconfig) kubeconfig.write(sandbox.files);
    const { log } = options;
    const targets = new PublishedTargets(options.publishedTargets, {
      contexts,
      gate: egress.gate,
      selection: options,
      log,
    });
    // A port that can't be had is told before anything is waited for.
    published = await publish({
      sandbox,
      addresses: plan.sandbox,
      rules: [...options.publish, ...targets.rules],
      log,
    });
    if (options.apiServer) loopback = await openLoopbackServers(contexts, sandbox, log);
    const isEarly = mayBeginEarly(contexts, plan, options);
    const parts = {
      sandbox,
      contexts,
      plan,
      egress,
      published,
      isRunning: isEarly,
      ...(capture && { capture }),
    };
    if (isEarly) {
      announceNameServer(parts, options.clusterDomain);
      signals = await begin(sandbox, contexts, options);
    }
    const ended = sandbox.exited.then(() => true);
    if (await Promise.race([contexts.read(), ended])) return await sandbox.exited;
    if (options.waits.length > 0) contexts.follow();
    await waitForAll(options.waits, contexts, sandbox.exited, log);
    targets.check();
    const opened = await openNetwork(parts, options);
    network = opened;
    options.onStanding({
      summary: summarize(contexts, options),
      netAdmin: options.privilege.netAdmin ?? false,
      namespaces: () => sandbox.namespaces(),
      environment: async (caller) => visibleEnvironment(options.files, await environmentFor(caller)),
      traffic: () => traffic(sandbox, opened, egress),
      publishedPorts: () => published?.ports ?? [],
      end: () => void sandbox.close(),
    });
    signals ??= await begin(sandbox, contexts, options);
    // The command's start does not wait for watches to open.
    contexts.follow();
    return await sandbox.exited;
  } finally {
    signals?.close();
    await network?.close();
    await Promise.all([
      published?.close(),
      loopback?.close(),
      sandbox.close(),
      options.endsProcess ? undefined : contexts.close(),
    ]);
  }
}

/** How much larger the range has to be than what is known to be needed: pods of headless Services come to it. */
const ROOM_FOR_PODS = 2;

/**
 * Whether the command may run before thousands of Services are read.
 *
 * What it sends waits in the interface's queue until there is a network, some
 * tenths of a second. What could still fail must not be something that was
 * asked for, and what is met on the sandbox's own loopback must be there.
 */
function mayBeginEarly(contexts: ConnectedContexts, plan: AddressPlan, options: SessionOptions): boolean {
  const { command, waits, aliases, hostPorts, publishedTargets } = options;
  return (
    contexts.areUnread &&
    command !== undefined &&
    [waits, aliases, hostPorts, publishedTargets].every(({ length }) => length === 0) &&
    plan.capacity >= ROOM_FOR_PODS * contexts.serviceCount
  );
}

/** Tells what there is, and lets the command go. */
async function begin(
  sandbox: Sandbox,
  contexts: ConnectedContexts,
  options: SessionOptions,
): Promise<SignalWatch> {
  const hasCommand = options.command !== undefined;
  const signals = await (hasCommand ? forwardSignals(sandbox) : endOnSignals(sandbox));
  try {
    for (const note of sandbox.notes) options.log.info(note);
    for (const note of proxyNotes(options)) options.log.warn(note);
    options.onReady(summarize(contexts, options));
    for (const { access } of contexts.all) access.releaseTerminal();
    if (hasCommand) sandbox.start();
    return signals;
  } catch (error) {
    signals.close();
    throw error;
  }
}

function proxyNotes({ hostPorts }: SessionOptions): string[] {
  const open = new HostPortSet(hostPorts);
  return loopbackProxyNotes(process.env, (port) => open.hostPortOf('tcp', port) !== undefined);
}

function commandFiles(
  contexts: readonly ContextAccess[],
  { files, hideKubeconfig, kubeconfig }: SessionOptions,
): FileOptions {
  const { hidden = [] } = files;
  const credentials = hideKubeconfig ? credentialFiles(contexts, process.env, kubeconfig) : [];
  // That of a sandbox which this one is in says what may be hidden in this one. What it may see is written anew.
  return { ...files, hidden: [...hidden, KUBECONFIG_FILE, ...credentials] };
}

function traffic({ device }: Sandbox, network: SandboxNetwork, egress: Egress): Traffic {
  const { bytesFromCommand, bytesToCommand } = device;
  const [connections, deniedFlows] = [network.connectionCount(), egress.deniedCount()];
  return { connections, bytesFromCommand, bytesToCommand, deniedFlows };
}

function summarize(contexts: ConnectedContexts, options: ContextOptions): SessionSummary {
  return contexts.all.map((context) => ({
    context: context.access.contextName,
    selection: selectionText(context, options),
    namespaces: context.namespaces,
    serviceCount: context.cluster.serviceCount,
  }));
}
