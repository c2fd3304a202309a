/** Where the kernel is without sock_diag's modules. */

import { afterEach, expect, test, vi } from 'vitest';
import type { OpenPorts, PortProtocol } from '../../../sandbox/index.ts';
import { type Published, publish, type PublishRule } from '../../../src/publish/index.ts';
import { LogLines } from '../cluster/probe.ts';

let published: Published | undefined;
afterEach(() => published?.close());

const close = vi.fn();
const noDiag = Object.assign(new Error('sock_diag: no such file or directory'), { code: 'ENOENT' });

/** A kernel without the module of this protocol. */
function without(missing: PortProtocol): OpenPorts {
  const read = (protocol: PortProtocol) => {
    if (protocol === missing) throw noDiag;
    return [];
  };
  return { read, close } as unknown as OpenPorts;
}

function open(rule: PublishRule, ports: OpenPorts): Promise<Published> {
  const sandbox = {
    connectInside: () => Promise.reject(noDiag),
    datagramsInside: () => Promise.reject(noDiag),
    portsInside: async () => ports,
  };
  return publish({ sandbox, addresses: [], rules: [rule], log: new LogLines() });
}

test.each(['tcp', 'udp'] as const)('-p auto/%s is PORTS_UNSEEN, and nothing stays open', async (protocol) => {
  close.mockClear();
  await expect(open({ kind: 'auto', protocol }, without(protocol))).rejects.toMatchObject({
    code: 'PORTS_UNSEEN',
    remedy: expect.stringContaining('-p 8080:80'),
  });
  expect(close).toHaveBeenCalledOnce();
});

test('a UDP port that is named is published', async () => {
  published = await open({ kind: 'fixed', protocol: 'udp', hostPort: 0, port: 53 }, without('udp'));
  expect(published.ports[0]).toMatchObject({ protocol: 'udp', port: 53 });
});
