/** A bearer token that something else renews in its file, as the kubelet does. */
import type { Credential, CredentialSource } from './authenticator.ts';
import { WatchedFile } from './watched-file.ts';

export class TokenFile implements CredentialSource {
  readonly #path: string;
  readonly #file: WatchedFile;

  constructor(path: string) {
    this.#path = path;
    this.#file = new WatchedFile(path);
  }

  async current(): Promise<Credential> {
    const token = (await this.#file.read()).toString().trim();
    if (token === '') throw new Error(`the token file ${this.#path} is empty`);
    return { authorization: bearer(token), kept: false };
  }

  discard(): void {
    // The file is looked at each time.
  }
}

export function bearer(token: string): string {
  return `Bearer ${token}`;
}
