/** What of the host's loopback is in the sandbox: nothing, unless it is asked for. */

import { setImmediate } from 'node:timers/promises';
import { hostPorts, type OpenPorts, type Sandbox } from '../../../sandbox/index.ts';
import type { Log } from '../../observe/log.ts';
import { portsUnseen } from '../errors.ts';
import type { FixedRule, HostPortRule, PublishRule } from '../rules.ts';
import type { Published } from '../outward/publish.ts';
import { Splices } from '../tcp/splices.ts';
import { forwardHostDatagrams } from './datagrams.ts';
import { HOST_NAME, HostLoopback } from './endpoint.ts';
import { Mirror } from './mirror.ts';
import { HostPortSet } from './ports.ts';

export interface HostPortsOptions {
  readonly sandbox: Pick<Sandbox, 'listenInside' | 'bindInside' | 'portsInside'>;
  readonly rules: readonly HostPortRule[];
  /** What is published, and by which rules: such ports are the sandbox's own. */
  readonly published: Pick<Published, 'ports'>;
  readonly publishRules: readonly PublishRule[];
  /** Where names of the sandbox are given to what is no Service. */
  readonly directory: {
    addEndpoint(
      endpoint: HostLoopback,
      place: { names: readonly string[]; literals: readonly string[] },
    ): void;
  };
  readonly log: Log;
}

export interface HostPorts {
  close(): Promise<void>;
}

/**
 * Returns when what is open on the host at the moment is met in the sandbox.
 *
 * @throws UsageError PORTS_UNSEEN, and what `addEndpoint` throws; nothing is left then
 */
export async function openHostPorts(options: HostPortsOptions): Promise<HostPorts> {
  const { sandbox, rules, published, publishRules, directory, log } = options;
  if (rules.length === 0) return { close: async () => {} };
  const wanted = new HostPortSet(rules);
  directory.addEndpoint(new HostLoopback(wanted), { names: [HOST_NAME], literals: [] });
  const opened: { close(): void | Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    // Who has connected last is taken in this turn of the event loop, and heard out.
    await setImmediate();
    await Promise.all(opened.toReversed().map(async (one) => one.close()));
  };
  try {
    const [host, inside] = await bothTables(sandbox, opened);
    const splices = new Splices(log, 'far');
    const mirror = new Mirror({
      sandbox,
      wanted,
      leadsBack: (hostPort) =>
        published.ports.some(
          ({ protocol, port, ...one }) =>
            protocol === 'tcp' && port !== undefined && one.hostPort === hostPort,
        ),
      except: new Set(publishRules.filter(isFixedTcp).map(({ port }) => port)),
      host,
      inside,
      splices,
      log,
    });
    opened.push(splices, mirror);
    opened.push(...(await forwardHostDatagrams({ sandbox, ports: wanted.list('udp'), host, log })));
    await mirror.start();
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

function isFixedTcp(rule: PublishRule): rule is FixedRule {
  return rule.kind === 'fixed' && rule.protocol === 'tcp';
}

async function bothTables(
  sandbox: HostPortsOptions['sandbox'],
  opened: { close(): void | Promise<void> }[],
): Promise<[host: OpenPorts, inside: OpenPorts]> {
  const open = async (whose: 'host' | 'sandbox', from: () => Promise<OpenPorts>): Promise<OpenPorts> => {
    try {
      const ports = await from();
      opened.push(ports);
      ports.read('tcp');
      return ports;
    } catch (error) {
      throw portsUnseen(error, whose, '--host-port');
    }
  };
  return [await open('host', hostPorts), await open('sandbox', () => sandbox.portsInside())];
}
