/**
 * Services whose endpoints are no pods: without a selector, and with addresses
 * that were written down by hand, of a database outside for instance. A
 * port-forward leads to pods alone; the host may have a way there.
 */

export const NO_PODS = 'its endpoints are no pods of the cluster, and a port-forward reaches only pods';

/** Endpoints that an error names. */
const MOST_TOLD = 3;

/** What to do, behind NO_PODS. @param endpoints where they are */
export function insteadOf(endpoints: readonly string[]): string {
  const told = endpoints.slice(0, MOST_TOLD).join(' or ');
  const rest = endpoints.length > MOST_TOLD ? `, or one of ${endpoints.length - MOST_TOLD} more` : '';
  return `connect to ${told}${rest} itself, where this host has a way there`;
}
