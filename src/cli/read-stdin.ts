/** Standard input that ends: with its end, with its limit, or with its time. */
import { fstatSync, statSync } from "node:fs";

export interface StdinLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

const STDIN = 0;

export type StdinText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "terminal" | "too long" | "late" };

/** Reads what a program was handed; a terminal is not waited for. */
export async function readStdin({ maxBytes, timeoutMs }: StdinLimits): Promise<StdinText> {
  if (isTerminal(STDIN)) return { kind: "terminal" };
  const reader = Bun.stdin.stream().getReader();
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), timeoutMs);
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const step = await Promise.race([reader.read(), late.promise]);
      if (step === null) return { kind: "late" };
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
 * the rest of a status line.
 */
export function isTerminal(descriptor: number): boolean {
  const stat = fstatSync(descriptor);
  return stat.isCharacterDevice() && stat.rdev !== statSync("/dev/null").rdev;
}
