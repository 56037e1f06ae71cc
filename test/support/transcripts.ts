/** Claude Code transcripts for tests, one line at a time, with the truth counted beside. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { NOON } from "./usage-db.ts";

export interface AssistantLine {
  readonly id?: string | null;
  readonly requestId?: string | null;
  readonly sessionId?: string;
  readonly cwd?: string;
  readonly model?: string;
  readonly timestamp?: number | string;
  readonly isSidechain?: boolean;
  readonly usage?: Readonly<Record<string, unknown>>;
  readonly content?: readonly unknown[];
  /** Fields beside `message`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

let nextUuid = 0;

/** One assistant line, as an object. */
export function assistant(line: AssistantLine = {}): Record<string, unknown> {
  const timestamp = line.timestamp ?? NOON;
  return {
    type: "assistant",
    uuid: `uuid-${++nextUuid}`,
    parentUuid: null,
    isSidechain: line.isSidechain ?? false,
    cwd: line.cwd ?? "/home/dev/app",
    sessionId: line.sessionId ?? "session-1",
    timestamp: typeof timestamp === "number" ? new Date(timestamp).toISOString() : timestamp,
    ...(line.requestId === null ? {} : { requestId: line.requestId ?? "req_1" }),
    message: {
      ...(line.id === null ? { id: null } : { id: line.id ?? "msg_1" }),
      model: line.model ?? "claude-opus-4-6",
      role: "assistant",
      content: line.content ?? [{ type: "text", text: "hello" }],
      usage: {
        input_tokens: 10,
        output_tokens: 20,
        cache_creation_input_tokens: 30,
        cache_read_input_tokens: 40,
        ...line.usage,
      },
    },
    ...line.extra,
  };
}

/** Writes a file of lines; strings are taken as they are. */
export function writeLines(path: string, lines: readonly (object | string)[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, lines.map(textOf).join(""));
}

export function appendLines(path: string, lines: readonly (object | string)[]): void {
  appendFileSync(path, lines.map(textOf).join(""));
}

const textOf = (line: object | string): string =>
  typeof line === "string" ? line : `${JSON.stringify(line)}\n`;
