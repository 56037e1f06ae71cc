/**
 * Codex CLI: `sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl`, the same under `archived_sessions`, and after a week
 * `.jsonl.zst`. A file in both places tells the same messages, which count once.
 */
import { discoverLineFiles } from "../discover.ts";
import type { Ingester } from "../ingester.ts";
import { lineIngester } from "../line-format.ts";
import { CodexReader } from "./codex-reader.ts";

export const codexIngester: Ingester = lineIngester({
  agent: "codex",
  markers: ['"token_count"', '"turn_context"', '"session_meta"'],
  discover: discoverLineFiles,
  lineReader: ({ path }, state) => new CodexReader(path, state),
});
