/** HTTP CONNECT (RFC 9110 section 9.3.6), with Basic credentials (RFC 7617) where the URL has them. */

import { hostAndPort } from '../../host-and-port.ts';
import { RemoteStreamError } from '../../relay/stream.ts';
import type { EgressDestination } from '../dialer.ts';
import type { Conversation } from './handshake.ts';
import type { ProxyEndpoint } from './url.ts';

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?\r\n/;
const HEADER_END = '\r\n\r\n';

export async function requestByConnect(
  conversation: Conversation,
  { credentials }: ProxyEndpoint,
  { address, port, name }: EgressDestination,
): Promise<void> {
  const authority = hostAndPort(name ?? address, port);
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (credentials !== undefined) {
    const pair = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
    lines.push(`Proxy-Authorization: Basic ${pair}`);
  }
  conversation.say(Buffer.from(`${lines.join('\r\n')}${HEADER_END}`));
  const header = await conversation.takeUntil(HEADER_END);
  const [, status = '', reason = ''] = STATUS_LINE.exec(header) ?? [];
  if (status === '') throw new Error('it does not speak HTTP');
  if (!status.startsWith('2')) throw refusal(Number(status), reason);
}

/** A proxy says by one status that nobody listens and that nobody is there; a time-out has its own. */
function refusal(status: number, reason: string): RemoteStreamError {
  const said = `the proxy answers ${status} ${reason}`.trim();
  if (status === 407) return prohibited(`${said}: put user and password into its URL`);
  if (status === 504) return new RemoteStreamError('silent', said);
  return status >= 500
    ? new RemoteStreamError('unreachable', said, { unreachable: 'host' })
    : prohibited(said);
}

function prohibited(message: string): RemoteStreamError {
  return new RemoteStreamError('unreachable', message, { unreachable: 'admin-prohibited' });
}
