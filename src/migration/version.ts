/** Versions: positive integers of at most 15 digits, so that both `7` and `20260101120000` order as numbers. */

export type Version = number;

/** The version of a database to which nothing was applied. */
export const NO_VERSION: Version = 0;

const MAX_DIGITS = 15;

/**
 * Reads a version as it stands in a file name or on a command line; leading zeros do not matter.
 * Returns undefined for anything but 1 to 15 digits; `0` is a version only as a target.
 */
export function parseVersion(text: string): Version | undefined {
  if (text.length === 0 || text.length > MAX_DIGITS) return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return undefined;
  }
  return Number(text);
}

/** Pads to the three digits of the seeds' file names; longer versions stay as they are. */
export function formatVersion(version: Version): string {
  return String(version).padStart(3, "0");
}
