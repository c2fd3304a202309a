/** Which ports of the sandbox are on the host, and which of the host in the sandbox. */

import type { Command } from 'commander';
import type { HostPortRule, PublishRule } from '../../publish/index.ts';
import { parseHostPort, parsePublish } from '../values/ports.ts';
import { repeated } from './repeated.ts';

interface Values {
  readonly publish?: readonly (readonly PublishRule[])[];
  readonly hostPort?: readonly HostPortRule[];
}

export interface PortOptions {
  readonly publish: readonly PublishRule[];
  readonly hostPorts: readonly HostPortRule[];
}

export function addPortOptions(program: Command): void {
  program
    .optionsGroup('Ports:')
    .addOption(
      repeated(
        '-p, --publish <ports>',
        "a port of the sandbox on the host's 127.0.0.1: 8080:80, 0:80, 53:53/udp, auto; may be repeated",
        parsePublish,
      ),
    )
    .addOption(
      repeated(
        '--host-port <port>',
        "a port of the host's 127.0.0.1 in the sandbox: 5432, 8000-8010, all; may be repeated",
        parseHostPort,
      ),
    );
}

export function readPortOptions(program: Command): PortOptions {
  const { publish = [], hostPort = [] } = program.opts<Values>();
  return { publish: publish.flat(), hostPorts: hostPort };
}
