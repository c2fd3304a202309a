/** Which ports of the sandbox and Services are on the host, and which ports of the host in the sandbox. */

import type { Command } from 'commander';
import type { HostPortRule, PublishRule } from '../../publish/index.ts';
import type { PublishedTarget } from '../../session/choices.ts';
import { checkHostPorts, checkPublished, parseHostPort, parsePublish } from '../values/ports.ts';
import { repeated } from './repeated.ts';

interface Values {
  readonly publish?: readonly ReturnType<typeof parsePublish>[];
  readonly hostPort?: readonly HostPortRule[];
}

export interface PortOptions {
  readonly publish: readonly PublishRule[];
  readonly publishedTargets: readonly PublishedTarget[];
  readonly hostPorts: readonly HostPortRule[];
}

export function addPortOptions(program: Command): void {
  program
    .optionsGroup('Ports:')
    .addOption(
      repeated(
        '-p, --publish <ports>',
        "a port of the sandbox, or a Service, on the host's 127.0.0.1: 8080:80, 8080:svc/web:80, 0:80, 53:53/udp, auto; may be repeated",
        parsePublish,
      ),
    )
    .addOption(
      repeated(
        '--host-port <port>',
        "a port of the host's 127.0.0.1 in the sandbox: 5432, 15432:5432, 8000-8010, all; may be repeated",
        parseHostPort,
      ),
    );
}

export function readPortOptions(program: Command): PortOptions {
  const { publish = [], hostPort = [] } = program.opts<Values>();
  checkHostPorts(hostPort);
  const all = publish.flat();
  checkPublished(all);
  return {
    publish: all.filter((one) => one.kind !== 'target'),
    publishedTargets: all.filter((one) => one.kind === 'target'),
    hostPorts: hostPort,
  };
}
