/** What an answer tells of the server itself: when it was, by the server's clock, and by which TLS it came. */
import type http from 'node:http';
import { TLSSocket } from 'node:tls';

export interface Inspection {
  readonly status: number;
  /** The header Date, which has whole seconds; undefined where there is none. */
  readonly date: Date | undefined;
  readonly tls: TlsFacts | undefined;
}

export interface TlsFacts {
  /** As OpenSSL names it: TLSv1.3. */
  readonly protocol: string;
  /** Of the server's own certificate; undefined where it can't be read. */
  readonly validity: Validity | undefined;
}

export interface Validity {
  readonly from: Date;
  readonly to: Date;
}

export function inspect({ statusCode = 0, headers, socket }: http.IncomingMessage): Inspection {
  return {
    status: statusCode,
    date: dateOf(headers.date),
    tls: socket instanceof TLSSocket ? tlsFacts(socket) : undefined,
  };
}

function tlsFacts(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    validity: certificate && { from: new Date(certificate.validFrom), to: new Date(certificate.validTo) },
  };
}

function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
