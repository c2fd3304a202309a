/**
 * What makes the sandbox's interface a network: where addresses lead, the names
 * for them, the stack that carries it all, and the way to the API servers.
 */

import { randomFillSync } from 'node:crypto';
import { monotonicMs } from '../monotonic.ts';
import type { AddressPlan } from '../names/address-plan.ts';
import { podSearchList } from '../names/etc/resolv-conf.ts';
import { NameTable } from '../names/name-table.ts';
import type { Log } from '../observe/log.ts';
import { type HostPortRule, openHostPorts, type Published, type PublishRule } from '../publish/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { Stack } from '../../stack/index.ts';
import { addAliases } from './aliases.ts';
import { addApiServers } from './api-server/open.ts';
import type { Capture } from './capture.ts';
import type { Alias } from './choices.ts';
import type { ConnectedContexts } from './contexts.ts';
import { Driver } from './driver.ts';
import { EtcWriter } from './etc-writer.ts';
import type { Egress } from './outside/egress.ts';
import { Directory } from './routing/directory.ts';
import { attachNetwork } from './routing/network.ts';
import { StrayRules } from './routing/stray-rules.ts';

export interface SandboxNetworkOptions {
  /** The domain of the clusters: `cluster.local`. */
  readonly clusterDomain: string;
  readonly aliases: readonly Alias[];
  /** Whether the contexts' API servers are reachable. */
  readonly apiServer: boolean;
  /** Ports of the sandbox that appear on the host, and of the host's loopback that are met in the sandbox. */
  readonly publish: readonly PublishRule[];
  readonly hostPorts: readonly HostPortRule[];
  readonly log: Log;
}

export interface SandboxNetwork {
  /** Connections that are open. */
  connectionCount(): number;
  close(): Promise<void>;
}

/** What a network connects. */
export interface NetworkParts {
  readonly sandbox: Sandbox;
  readonly contexts: ConnectedContexts;
  readonly plan: AddressPlan;
  readonly egress: Egress;
  readonly published: Published;
  /** Of the packets, where it was asked for. */
  readonly capture?: Capture;
  /** The command runs already: what has no room in the ranges is told, and no error. */
  readonly isRunning: boolean;
}

/** Has programs ask the sandbox's own server for names: it answers once there is the network. */
export function announceNameServer(
  { sandbox, contexts, plan }: Pick<NetworkParts, 'sandbox' | 'contexts' | 'plan'>,
  domain: string,
): void {
  startEtc({ sandbox, contexts, plan }, domain, new NameTable()).close();
}

/** Throws `CIDR_FULL`, `PORTS_UNSEEN` and what aliases may throw. */
export async function openNetwork(
  { sandbox, contexts, plan, egress, published, capture, isRunning }: NetworkParts,
  { clusterDomain: domain, aliases, apiServer, log, ...ports }: SandboxNetworkOptions,
): Promise<SandboxNetwork> {
  const directory = new Directory({ plan, contexts: contexts.all, domain, log, isRunning });
  addAliases(aliases, contexts, directory);
  if (apiServer) addApiServers({ contexts, directory, domain, log });
  const hostPorts = await openHostPorts({
    sandbox,
    rules: ports.hostPorts,
    published,
    publishRules: ports.publish,
    directory,
    log,
  });
  const etc = startEtc({ sandbox, contexts, plan }, domain, directory.names);
  const stray = new StrayRules({ rules: egress.rules, contexts: contexts.all, directory, domain, log });
  stray.check();
  directory.names.onChange = (name) => stray.nameChanged(name);
  directory.onNamesChanged = () => {
    etc.namesChanged();
    stray.check();
  };
  const stack = connectStack({ sandbox, directory, egress, log, ...(capture && { capture }) });
  return {
    connectionCount: () => stack.connectionCount(),
    async close() {
      etc.close();
      stack.stop();
      await hostPorts.close();
    },
  };
}

function startEtc(
  { sandbox, contexts, plan }: Pick<NetworkParts, 'sandbox' | 'contexts' | 'plan'>,
  domain: string,
  names: NameTable,
): EtcWriter {
  const [firstNamespace] = contexts.find(undefined).namespaces;
  return EtcWriter.start({
    files: sandbox.files,
    names,
    nameServer: plan.gateway[0],
    search: podSearchList(firstNamespace, domain),
  });
}

export interface ConnectedStack {
  /** Connections that are open. */
  connectionCount(): number;
  /** Ends them all. */
  stop(): void;
}

export interface ConnectStackOptions {
  readonly sandbox: Sandbox;
  readonly directory: Directory;
  /** Without, nothing is reached besides what the directory knows. */
  readonly egress?: Egress;
  readonly capture?: Capture;
  readonly log: Log;
}

/**
 * What a connection of the command may have on its way to us. All of it waits in the interface's queue, before
 * whatever others send: a larger window has an upload go no faster, and everything else wait for it. Far ends have
 * their windows in the kernel's own socket buffers.
 */
const RECEIVE_BUFFER_BYTES = 512 << 10;

/** Has the directory's network answer on the sandbox's interface. */
export function connectStack({
  sandbox,
  directory,
  egress,
  capture,
  log,
}: ConnectStackOptions): ConnectedStack {
  const observed = capture?.observe(sandbox.device);
  const stack = new Stack({
    device: observed ?? sandbox.device,
    framing: sandbox.device.framing,
    now: monotonicMs(),
    random: (bytes) => randomFillSync(bytes),
    limits: { receiveBufferBytes: RECEIVE_BUFFER_BYTES },
  });
  const network = attachNetwork({ stack, directory, log, ...(egress && { egress }) });
  const driver = new Driver(sandbox.device, stack, observed);
  return {
    connectionCount: () => [...stack.connections()].length,
    stop() {
      network.close();
      driver.stop();
    },
  };
}
