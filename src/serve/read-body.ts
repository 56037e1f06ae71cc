/** A request's body, as far as it is wanted. */

/** The body as text; null as soon as it is known to be longer, of which no more is kept than that. */
export async function readBody(request: Request, maxBytes: number): Promise<string | null> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return null;
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const step = await reader.read();
    if (step.done) break;
    length += step.value.length;
    if (length > maxBytes) {
      await reader.cancel();
      return null;
    }
    parts.push(step.value);
  }
  return Buffer.concat(parts).toString("utf8");
}
