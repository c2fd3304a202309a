/**
 * A connection that is over is closed once its last bytes are sent. Where they
 * are not read, they would hold memory and a file for ever: after so long
 * without a byte moving, it is reset.
 */
export const LINGER_TIMEOUT_MS = 60_000;
