/** Who runs this process, for the ledger. */
import { hostname, userInfo } from "node:os";

/** `user@host`; `uid 1000@host` for a user whose name Bun does not find out, null for one that the system does not know. */
export function currentActor(): string | null {
  try {
    const { username, uid } = userInfo();
    return `${username === "unknown" ? `uid ${uid}` : username}@${hostname()}`;
  } catch {
    // A user id without an entry, as containers have them.
    return null;
  }
}
