/** The stack on one side, the kernel of a sandbox on the other, and a link between that may be a bad one. */

import { randomFillSync } from 'node:crypto';
import { launch, type Sandbox } from '../../../sandbox/index.ts';
import { Stack } from '../../../stack/index.ts';
import { TEST_LINK } from '../../support/test-link.ts';
import { ImpairedLink, type Impairment, PERFECT } from './impaired-link.ts';

export interface LinkCase {
  readonly ip: 4 | 6;
  readonly mtu: number;
  /** `none`: neither side leaves anything to the other; `receive`: the kernel does alone. Default: both do. */
  readonly offload?: 'none' | 'receive' | 'both';
  readonly impairment?: Partial<Impairment>;
}

/** Who answers: the stack stands for every address behind the gateway. */
export const FAR_ADDRESS = { 4: '10.0.1.9', 6: 'fd6b:6e73::9' } as const;

export interface Outcome {
  readonly code: number;
  /** How often the link has done harm. */
  readonly mishaps: number;
  readonly stack: Stack;
  /** Whether the kernel joins datagrams in a frame, and takes such frames. */
  readonly udpSegmentation: boolean;
}

let sandbox: Sandbox | undefined;

/** After each test, whatever became of it. */
export async function closeSandbox(): Promise<void> {
  await sandbox?.close();
  sandbox = undefined;
}

/** Runs the command with the stack as its network until it ends. */
export async function runAgainstLinux(
  { ip, mtu, offload = 'both', impairment }: LinkCase,
  seed: number,
  command: readonly string[],
  prepare: (stack: Stack, sandbox: Sandbox) => void,
): Promise<Outcome> {
  sandbox = await launch({
    command,
    link: {
      kind: TEST_LINK,
      address: '10.0.1.2',
      prefixLength: 24,
      gateway: '10.0.1.1',
      ...(ip === 6 ? { ipv6: { address: 'fd6b:6e73::2', prefixLength: 64, gateway: 'fd6b:6e73::1' } } : {}),
      mtu,
      offload: offload !== 'none',
    },
  });
  const { device } = sandbox;
  const link = new ImpairedLink(device, { ...PERFECT, ...impairment }, seed, offload === 'both');
  const stack = new Stack({
    device: link,
    framing: device.framing,
    now: performance.now(),
    random: (bytes) => randomFillSync(bytes),
  });
  prepare(stack, sandbox);

  let timer: NodeJS.Timeout | undefined;
  const poll = () => {
    stack.poll(performance.now());
    clearTimeout(timer);
    const at = stack.pollAt();
    if (at !== Number.POSITIVE_INFINITY) timer = setTimeout(poll, Math.max(0, at - performance.now()));
  };
  stack.onWake = () => queueMicrotask(poll);
  link.start((frame) => {
    stack.receive(performance.now(), frame, 0, frame.length);
    poll();
  });
  sandbox.start();
  const { code } = await sandbox.exited;
  link.stop();
  clearTimeout(timer);
  return { code, mishaps: link.mishaps, stack, udpSegmentation: link.udpSegmentation };
}
