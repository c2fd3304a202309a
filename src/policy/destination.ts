/**
 * A destination as `policy explain` takes it: written like the target of a rule,
 * but meaning one flow. A name is to be looked up before it can be decided on.
 */

import { UsageError } from '../errors.ts';
import { textOf } from './address.ts';
import { parseRuleText, type Protocol, RuleSyntaxError } from './rule.ts';

export interface GivenDestination {
  readonly protocol: Protocol;
  /** Of a ping, 0. */
  readonly port: number;
  readonly host:
    | { readonly kind: 'address'; readonly address: string }
    | { readonly kind: 'name'; readonly name: string }
    | {
        readonly kind: 'service';
        readonly context: string | undefined;
        readonly namespace: string | undefined;
        readonly name: string;
      };
}

const DEFAULT_PORT = 443;

/** Throws `DESTINATION_INVALID`. Without a protocol it is TCP, without a port 443. */
export function parseDestination(text: string): GivenDestination {
  try {
    return readDestination(text);
  } catch (error) {
    if (!(error instanceof RuleSyntaxError)) throw error;
    throw new UsageError(
      'DESTINATION_INVALID',
      `${text}: ${error.message}`,
      'name one destination: example.com:443, udp:192.0.2.1:53, [2001:db8::1]:443, icmp:192.0.2.1 or shop/svc/web:80',
    );
  }
}

function readDestination(text: string): GivenDestination {
  const { protocol = 'tcp', target, ports, via } = parseRuleText(text);
  const [{ first, last } = { first: DEFAULT_PORT, last: DEFAULT_PORT }, ...more] = ports;
  if (via !== undefined) throw new RuleSyntaxError('the dialer is what the policy says');
  if (first !== last || more.length > 0) throw new RuleSyntaxError('it has several ports');
  const port = protocol === 'icmp' ? 0 : first;
  switch (target.kind) {
    case 'range': {
      const { version, words, prefixLength } = target.range;
      if (prefixLength !== (version === 4 ? 32 : 128)) throw new RuleSyntaxError('it has several addresses');
      return { protocol, port, host: { kind: 'address', address: textOf(words) } };
    }
    case 'name':
      return { protocol, port, host: { kind: 'name', name: target.name } };
    case 'service':
      if (target.name === undefined) throw new RuleSyntaxError('it has several Services');
      return { protocol, port, host: { ...target, kind: 'service', name: target.name } };
    case 'any':
    case 'below':
      throw new RuleSyntaxError('it has several names');
  }
}
