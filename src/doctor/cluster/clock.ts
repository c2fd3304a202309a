/**
 * Whether our clock and the server's agree, and certificates are valid by it.
 *
 * Tokens and certificates are judged by two clocks. The server's is in each of
 * its answers (RFC 9110, 6.6.1), which are had here without credentials and
 * from whoever answers: a certificate that "has expired" is to be looked at.
 */

import { ClusterError, type Validity } from '../../cluster/index.ts';
import { type Check, failed, type Finding, ok, skipped, warning } from '../check.ts';
import type { ClockReading, ClusterContext } from './context.ts';

/** What verifiers of tokens commonly allow for is a minute. */
const MAX_SKEW_MS = 30_000;
/** The header has whole seconds, cut off. */
const RESOLUTION_MS = 1_000;
/** Before its end a certificate is to be renewed: a week, of those that live for a few days the last tenth. */
const EXPIRES_SOON_MS = 7 * 24 * 3_600_000;
const EXPIRES_SOON_SHARE = 0.1;

const SET_CLOCK =
  "set this machine's clock: timedatectl set-ntp true (WSL, or a machine that slept: hwclock -s)";

export const clock: Check<ClusterContext> = {
  id: 'clock',
  title: 'clock',
  needs: ['kubeconfig'],
  timeoutMs: 60_000,
  async run(cluster) {
    const { access } = await cluster.context();
    let reading: ClockReading;
    try {
      reading = await cluster.reading();
    } catch (error) {
      // The check of the API server says why, or that it answers to credentials alone.
      if (error instanceof ClusterError) return skipped('the API server does not answer without credentials');
      throw error;
    }
    const trusts = access.tls.rejectUnauthorized !== false;
    return judge(reading, Date.now(), trusts);
  },
};

/** @param verified whether the server's certificate counts */
export function judge({ date, tls, ourMs }: ClockReading, nowMs: number, verified: boolean): Finding {
  const skewMs = date === undefined ? undefined : Math.round(ourMs - date.getTime() - RESOLUTION_MS / 2);
  const validity = tls?.validity;
  const isOff = skewMs !== undefined && Math.abs(skewMs) > MAX_SKEW_MS;
  const message = [skewText(skewMs), ...(validity === undefined ? [] : [validityText(validity)])].join('; ');
  const details = { facts: skewMs === undefined ? {} : { skewMs } };
  if (validity !== undefined && verified && !isValid(validity, nowMs)) {
    const remedy = isOff
      ? SET_CLOCK
      : "have the server's certificate renewed (kubeadm: kubeadm certs renew apiserver)";
    return failed({ code: 'API_UNREACHABLE', message, remedy }, details);
  }
  if (isOff) return warning(message, SET_CLOCK, details);
  if (validity !== undefined && verified && expiresSoon(validity, nowMs))
    return warning(message, "have the server's certificate renewed before then", details);
  return ok(message, details);
}

function isValid({ from, to }: Validity, nowMs: number): boolean {
  return from.getTime() <= nowMs && nowMs <= to.getTime();
}

function expiresSoon({ from, to }: Validity, nowMs: number): boolean {
  const lifetimeMs = to.getTime() - from.getTime();
  return to.getTime() - nowMs < Math.min(EXPIRES_SOON_MS, EXPIRES_SOON_SHARE * lifetimeMs);
}

function skewText(skewMs: number | undefined): string {
  if (skewMs === undefined) return 'the server does not tell its time';
  const seconds = Math.abs(skewMs) / 1_000;
  if (Math.abs(skewMs) <= RESOLUTION_MS) return "it agrees with the server's, to the second";
  return `it is ${seconds.toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} the server's`;
}

function validityText({ from, to }: Validity): string {
  return `the server's certificate is valid from ${from.toISOString()} to ${to.toISOString()}`;
}
