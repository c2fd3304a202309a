/**
 * A file that something else renews: a token, a certificate.
 *
 * It is looked at each time (one `stat`), and read where it is another than
 * before. While it is being replaced there may be none for a moment; what was
 * read last still counts then.
 */
import { promises as files } from 'node:fs';

export class WatchedFile {
  readonly #path: string;
  #known: { readonly identity: string; readonly content: Buffer } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<Buffer> {
    try {
      const { dev, ino, size, mtimeNs } = await files.stat(this.#path, { bigint: true });
      const identity = [dev, ino, size, mtimeNs].join(' ');
      if (this.#known?.identity !== identity) {
        this.#known = { identity, content: await files.readFile(this.#path) };
      }
    } catch (error) {
      if (!this.#known) throw error;
    }
    return this.#known.content;
  }
}
