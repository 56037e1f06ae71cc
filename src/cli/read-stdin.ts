/** Standard input that ends: with its end, with its limit, or with its time. */

export interface StdinLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

const STDIN = 0;

export type StdinText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "terminal" | "too long" | "late" };

/** Reads what a program was handed. Whether that is a terminal is asked only when nothing comes: asking takes long. */
export async function readStdin({ maxBytes, timeoutMs }: StdinLimits): Promise<StdinText> {
  const reader = Bun.stdin.stream().getReader();
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), timeoutMs);
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const step = await Promise.race([reader.read(), late.promise]);
      if (step === null) return { kind: isTerminal(STDIN) ? "terminal" : "late" };
      if (step.done) break;
      length += step.value.length;
      if (length > maxBytes) return { kind: "too long" };
      parts.push(step.value);
    }
    return { kind: "text", text: Buffer.concat(parts).toString("utf8") };
  } finally {
    clearTimeout(timer);
    // Whoever holds the other end open must not keep this process alive.
    void reader.cancel();
  }
}

/**
 * Whether a descriptor is a terminal. `process.stdin` and `node:tty` know it better, and take longer to load than all
 * the rest of a status line; `node:fs` takes a fifth of it.
 */
export function isTerminal(descriptor: number): boolean {
  const { fstatSync, statSync } = require("node:fs") as typeof import("node:fs");
  const stat = fstatSync(descriptor);
  return stat.isCharacterDevice() && stat.rdev !== statSync("/dev/null").rdev;
}
