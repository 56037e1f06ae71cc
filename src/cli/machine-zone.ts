/** The zone that this machine's clock shows. */
import { readlinkSync } from "node:fs";

/** What the file of the machine's zone is a link to, where its clock shows UTC: nearly every server and container. */
const UTC_FILE = /\/zoneinfo\/(?:Etc\/)?UTC$/;

/**
 * An IANA zone. Asking Bun for it loads the rules of all zones, which takes longer than most reports; UTC has none, and
 * is found out without.
 */
export function machineZone(env: Readonly<Record<string, string | undefined>>): string {
  return isUtc(env["TZ"]) ? "UTC" : Temporal.Now.timeZoneId();
}

function isUtc(wanted: string | undefined): boolean {
  if (wanted !== undefined) return wanted === "UTC";
  try {
    return UTC_FILE.test(readlinkSync("/etc/localtime"));
  } catch {
    // A copy instead of a link, or another system: Bun knows how to tell.
    return false;
  }
}
