/**
 * A stream whose two ends are over is closed once its last bytes are sent. Where
 * the far end does not read them, they would hold memory and a file for ever:
 * after so long without a byte moving, the stream is reset.
 */
export const LINGER_TIMEOUT_MS = 60_000;
