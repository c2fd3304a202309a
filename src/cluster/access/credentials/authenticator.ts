/** What a request carries so that the server knows whose it is. */

/** PEM texts. */
export interface ClientCertificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** What one source of credentials has to give. */
export interface Credential {
  /** The value of the header Authorization. */
  readonly authorization?: string;
  readonly certificate?: ClientCertificate;
  /** Had before and kept: where the server does not accept it any more, asking again may give another. */
  readonly kept: boolean;
}

export interface CredentialSource {
  /** @throws Error that says what went wrong */
  current(): Promise<Credential>;
  /** The server did not accept this one: the next is had anew. */
  discard(credential: Credential): void;
}

export interface Grant {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly certificate?: ClientCertificate;
  /** The server did not accept it. @returns whether the next may be another */
  discard(): Promise<boolean>;
}

export interface Authenticator {
  /** @throws ClusterError */
  grant(): Promise<Grant>;
}
