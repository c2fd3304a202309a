/**
 * What can go wrong between the kubeconfig and a pod, in terms a user can act on.
 *
 * The message says what is the case, the remedy what to do; each is one line.
 */
import type { Actionable } from '../errors.ts';

export type ClusterErrorCode =
  | 'KUBECONFIG_MISSING'
  | 'KUBECONFIG_INVALID'
  | 'CONTEXT_UNKNOWN'
  | 'CREDENTIALS_FAILED'
  | 'API_UNREACHABLE'
  | 'PROXY_FAILED'
  | 'API_FAILED'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NAMESPACE_UNKNOWN'
  | 'NAMESPACE_UNVERIFIED'
  | 'SELECTOR_INVALID'
  | 'PICK_UNKNOWN'
  | 'PICK_AMBIGUOUS'
  | 'WAIT_TIMEOUT'
  | 'POD_GONE'
  | 'FORWARD_REFUSED'
  | 'FORWARD_UNANSWERED'
  | 'CLUSTER_CLOSED';

export class ClusterError extends Error implements Actionable {
  readonly code: ClusterErrorCode;
  readonly remedy: string;

  constructor(code: ClusterErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.name = 'ClusterError';
    this.code = code;
    this.remedy = remedy;
  }
}

/** Longest piece of foreign text that a message quotes. */
const QUOTE_LIMIT = 300;

/** Text of a server or a plugin, fit to be quoted in one line of ours. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > QUOTE_LIMIT ? `${line.slice(0, QUOTE_LIMIT)}…` : line;
}

export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.message !== '') return cause.message;
  // Node's "happy eyeballs" fails with an AggregateError whose own message is empty.
  return 'code' in cause ? String(cause.code) : cause.name;
}
