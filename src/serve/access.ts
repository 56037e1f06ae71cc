/** Who may talk to the server. It listens on loopback only, and a browser's pages are on this machine too. */
import { timingSafeEqual } from "node:crypto";

export interface AccessRule {
  readonly port: number;
  readonly token: string;
  /** Pages that may read and post, as the browser names them: `http://localhost:5173`. */
  readonly origins: ReadonlySet<string>;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly reason: "host" | "origin" | "token";
  readonly message: string;
}

/** Refuses a request by what stands in its head; null lets it in. */
export function refuseRequest(request: Request, url: URL, rule: AccessRule): Refusal | null {
  // A name that an attacker's server resolves to 127.0.0.1 comes with that name.
  const host = request.headers.get("host");
  if (host !== `127.0.0.1:${rule.port}` && host !== `localhost:${rule.port}`)
    return { status: 403, reason: "host", message: "the Host header names another server" };
  // A browser adds it to whatever a page sends elsewhere; an agent's hook has none.
  const origin = request.headers.get("origin");
  if (origin !== null && !rule.origins.has(origin))
    return { status: 403, reason: "origin", message: "pages of this origin are not let in" };
  // A page cannot answer a preflight with a token; it says nothing and changes nothing.
  if (request.method === "OPTIONS" && origin !== null) return null;
  if (!isEqualSecret(tokenOf(request, url), rule.token))
    return { status: 401, reason: "token", message: "the token is missing or wrong" };
  return null;
}

/** From the header, else from the address: a page's WebSocket can set no header. */
function tokenOf(request: Request, url: URL): string {
  const header = request.headers.get("authorization");
  if (header === null) return url.searchParams.get("token") ?? "";
  return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? "";
}

/** Takes as long for a nearly right token as for a wrong one, whatever their lengths. */
function isEqualSecret(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => new Bun.CryptoHasher("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
