/** RCODEs of RFC 1035, 4.1.1, as the low bits of dns-packet's flags. */

export const NOERROR = 0;
export const FORMERR = 1;
export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const NOTIMP = 4;
export const REFUSED = 5;
