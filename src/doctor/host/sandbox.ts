/**
 * A sandbox, by really making one: with a tun device for its interface, and
 * where a run would take the other kind, a veth pair. Nothing runs in it.
 */

import {
  containerKind,
  containerRemedy,
  launch,
  type LinkKind,
  SandboxError,
} from '../../../sandbox/index.ts';
import { linkOptions } from '../../session/link.ts';
import { type Check, failed, ok, warning } from '../check.ts';
import type { HostContext } from './context.ts';

const NAMES: Readonly<Record<LinkKind, string>> = { tun: 'a tun device', veth: 'a veth pair' };
const TUN_CODES = new Set(['TUN_MISSING', 'TUN_DENIED']);

export const sandbox: Check<HostContext> = {
  id: 'sandbox',
  title: 'a sandbox and its interface',
  needs: ['proc', 'native'],
  async run(context, signal) {
    const first = context.link === 'veth' ? 'veth' : 'tun';
    const refusal = await make(first, context, signal);
    if (refusal === undefined) return ok(madeWith(first), { facts: { link: first } });
    const told = inContainer(refusal);
    if (context.link !== 'auto' || !TUN_CODES.has(refusal.code)) return failed(told);
    const second = await make('veth', context, signal);
    if (second === undefined) {
      return warning(
        `${madeWith('veth')}, since ${refusal.message}; a tun device is the faster`,
        told.remedy,
        {
          facts: { link: 'veth' },
        },
      );
    }
    const message = `neither a tun device nor a veth pair can be had: ${refusal.message}; ${second.message}`;
    return failed(
      { code: 'LINK_IMPOSSIBLE', message, remedy: told.remedy },
      { notes: [`or: ${second.remedy}`] },
    );
  },
};

function madeWith(kind: LinkKind): string {
  return `one was made, its interface ${NAMES[kind]}`;
}

/** @returns why it can't be made */
async function make(
  kind: LinkKind,
  { plan }: HostContext,
  abort: AbortSignal,
): Promise<SandboxError | undefined> {
  try {
    const made = await launch({ command: ['true'], link: linkOptions(plan, kind), abort });
    await made.close();
    return undefined;
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
}

/** In a container there is no driver to load: the device has to be handed in. */
function inContainer(refusal: SandboxError): Pick<SandboxError, 'code' | 'message' | 'remedy'> {
  const kind = containerKind();
  if (kind === undefined || refusal.code !== 'TUN_MISSING') return refusal;
  const { code, message } = refusal;
  return { code, message, remedy: containerRemedy(kind, 'tun') };
}
