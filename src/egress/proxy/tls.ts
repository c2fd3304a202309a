/** TLS to a proxy. Whom to trust is Node's affair: its own authorities, and those of NODE_EXTRA_CA_CERTS. */

import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { usualTrust } from '../../authorities.ts';

/** @param host whose certificate it has to be, a name or an address */
export function overTls(socket: Socket, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket,
      host,
      ...usualTrust(),
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) === 0 && { servername: host }), // RFC 6066, 3: addresses are no server names
    });
    const onClose = (): void => reject(new Error('it closed the connection'));
    secure.once('error', reject).once('close', onClose);
    secure.once('secureConnect', () => {
      secure.off('error', reject).off('close', onClose);
      resolve(secure);
    });
    // TLS has no reset, and Node throws: the far end of the tunnel hears of it by the connection below.
    secure.resetAndDestroy = () => {
      socket.resetAndDestroy();
      return secure;
    };
  });
}
