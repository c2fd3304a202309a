/**
 * The client certificate of a user, from the kubeconfig or from files.
 *
 * Files may be renewed while we run: connections made from then on use the new
 * pair. Certificate and key are two files and never renewed in one stroke, so
 * a pair that does not belong together is not taken while there is an old one.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { UserEntry } from '../entries.ts';
import type { ClientCertificate, Credential, CredentialSource } from './authenticator.ts';
import { WatchedFile } from './watched-file.ts';

export class ClientCertificateSource implements CredentialSource {
  readonly #cert: WatchedFile | Buffer;
  readonly #key: WatchedFile | Buffer;
  #pair: ClientCertificate | undefined;

  constructor(user: UserEntry) {
    this.#cert = source(user.certFile, user.certData);
    this.#key = source(user.keyFile, user.keyData);
  }

  async current(): Promise<Credential> {
    // In turn: where both are missing, it is always the certificate that is named.
    const cert = await contentOf(this.#cert);
    const key = await contentOf(this.#key);
    if (this.#pair?.cert !== cert || this.#pair.key !== key) {
      try {
        checkPair({ cert, key });
        this.#pair = { cert, key };
      } catch (error) {
        if (!this.#pair) throw error;
      }
    }
    return { certificate: this.#pair, kept: false };
  }

  discard(): void {
    // The files are looked at each time.
  }
}

/** @throws Error that says what is wrong with it */
export function checkPair({ cert, key }: ClientCertificate): void {
  const certificate = read('certificate', () => new X509Certificate(cert));
  const privateKey = read('key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error('the client certificate and the key do not belong together');
  }
}

function read<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`the client ${what} is no PEM that can be read`, { cause });
  }
}

function source(file: string | undefined, data: string | undefined): WatchedFile | Buffer {
  return file ? new WatchedFile(file) : Buffer.from(data ?? '', 'base64');
}

async function contentOf(from: WatchedFile | Buffer): Promise<Buffer> {
  return from instanceof WatchedFile ? from.read() : from;
}
