/**
 * A run from end to end without a cluster: the real sandbox, link, stack, DNS
 * and files of /etc, and in place of a pod a server within this process.
 *
 * What it meets on the way is what a run would meet, with the same errors. It is
 * timed, step by step, so that a slow machine can be told from a slow cluster.
 */

import { launch, type Sandbox } from '../../../sandbox/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import type { AddressPlan } from '../../names/address-plan.ts';
import { podSearchList } from '../../names/etc/resolv-conf.ts';
import { CLUSTER_DOMAIN } from '../../names/service-names.ts';
import { createLog } from '../../observe/log.ts';
import { EtcWriter } from '../../session/etc-writer.ts';
import { linkOptions } from '../../session/link.ts';
import { Directory } from '../../session/routing/directory.ts';
import { connectStack } from '../../session/sandbox-network.ts';
import { type Check, type Finding, ok } from '../check.ts';
import type { HostContext } from '../host/context.ts';
import { FAILED_AT, guestCommand, type GuestReport, parseReport } from './guest.ts';
import { SelfTestStream, STREAM_BYTES, streamSha256 } from './server.ts';

const TIMEOUT_MS = 45_000;

const SIGKILL = 9;
const NAME = 'self-test.kns-rootless';
const PORT = 80;
const NAMESPACE = 'default';

export const selfTest: Check<HostContext> = {
  id: 'self-test',
  title: 'self-test',
  needs: ['sandbox'],
  timeoutMs: TIMEOUT_MS,
  async run({ plan, link }, abort) {
    const start = monotonicMs();
    const sandbox = await launch({
      command: guestCommand(NAME, PORT, STREAM_BYTES),
      // The command is a Node of ours: what the user has others do is not for it.
      env: { ...process.env, NODE_OPTIONS: undefined },
      link: linkOptions(plan, link),
      abort,
    });
    try {
      const startMs = monotonicMs() - start;
      const heard = await converse(sandbox, plan, abort);
      return 'report' in heard ? judge(heard.report, sandbox, startMs) : unheard(heard.code);
    } finally {
      await sandbox.close();
    }
  },
};

/** @returns what the guest says, or its exit code where it has said nothing */
async function converse(
  sandbox: Sandbox,
  plan: AddressPlan,
  abort: AbortSignal,
): Promise<{ report: GuestReport } | { code: number }> {
  const log = createLog(0);
  const directory = new Directory({ plan, contexts: [], domain: CLUSTER_DOMAIN, log });
  let text: string | undefined;
  const server = {
    name: NAME,
    hasPort: (port: number) => port === PORT,
    dial: (_port: number, events: ConstructorParameters<typeof SelfTestStream>[0]) =>
      new SelfTestStream(events, (report) => {
        text = report;
      }),
  };
  directory.addEndpoint(server, { names: [NAME], literals: [] });
  const etc = EtcWriter.start({
    files: sandbox.files,
    names: directory.names,
    nameServer: plan.gateway[0],
    search: podSearchList(NAMESPACE, CLUSTER_DOMAIN),
  });
  const stack = connectStack({ sandbox, directory, log });
  const kill = () => sandbox.signal(SIGKILL);
  abort.addEventListener('abort', kill);
  try {
    sandbox.start();
    const { code } = await sandbox.exited;
    return text === undefined ? { code } : { report: parseReport(text) };
  } finally {
    abort.removeEventListener('abort', kill);
    etc.close();
    stack.stop();
  }
}

function unheard(code: number): Finding {
  return {
    status: 'failed',
    message:
      FAILED_AT.get(code) ?? `the program in the sandbox ended with exit code ${code} before it was heard`,
    remedy: 'see what a run says: kns-rootless --demo -v -- sh -c "ip addr; cat /etc/resolv.conf"',
  };
}

function judge(report: GuestReport, { device, notes }: Sandbox, startMs: number): Finding {
  const { bytes, sha256, resolveMs, transferMs, addresses } = report;
  const rate = Math.round(bytes / 2 ** 20 / (transferMs / 1000));
  const facts = { link: device.kind, startMs: Math.round(startMs), resolveMs, transferMs, bytes, addresses };
  if (bytes !== STREAM_BYTES || sha256 !== streamSha256()) {
    return {
      status: 'failed',
      message: `of ${STREAM_BYTES} bytes ${bytes} came through, ${bytes === STREAM_BYTES ? 'but not as they were sent' : 'and no more'}`,
      remedy: `try the other interface: --link ${device.kind === 'tun' ? 'veth' : 'tun'}; and please report it, with: kns-rootless doctor --json`,
      facts,
    };
  }
  return ok(
    `by ${device.kind}: sandbox in ${Math.round(startMs)} ms, name in ${resolveMs} ms, ${bytes / 2 ** 20} MiB in ${Math.round(transferMs)} ms (${rate} MiB/s)`,
    { notes, facts },
  );
}
