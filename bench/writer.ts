/** A writing process beside what is measured, and how it fared. */
import { floorScript } from "./paths.ts";
import { renderTime } from "./table.ts";

export interface Writer {
  /** Its latencies. */
  readonly stop: () => Promise<number[]>;
}

/** @param floor the script under `floors/` that writes. */
export async function startWriter(file: string, floor: string): Promise<Writer> {
  const child = Bun.spawn({
    cmd: [process.execPath, floorScript(floor), file],
    stdin: "pipe",
    stdout: "pipe",
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const readOn = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: true });
    return !done;
  };
  while (!text.includes("ready\n") && (await readOn()));
  return {
    stop: async () => {
      child.stdin.write("stop\n");
      await child.stdin.end();
      while (await readOn());
      return JSON.parse(text.slice(text.indexOf("["))) as number[];
    },
  };
}

export function describeLatencies(latenciesMs: readonly number[]): string {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  return `p99 ${renderTime(p99)}, longest ${renderTime(sorted.at(-1) ?? Number.NaN)} of ${sorted.length} writes`;
}
