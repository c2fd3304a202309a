/** What a request carries so that the server knows whose it is. */

/** PEM texts. */
export interface ClientCertificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface Grant {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly certificate?: ClientCertificate;
  /** Had before and kept: where the server does not accept it any more, asking again may give another. */
  readonly kept: boolean;
}

export interface Authenticator {
  /** @throws ClusterError */
  grant(): Promise<Grant>;
  /** The server did not accept this one; the next is asked for anew. */
  discard(grant: Grant): void;
}
